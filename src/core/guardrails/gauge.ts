/**
 * Gauges: how much of its guardrails a task tree, or its user, has used, for people. Reading them changes nothing. If
 * all ledgers share a count, the gauge says so and has no figure, because no ledger knows what the others have used.
 */
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Field } from "./definition.ts"
import type { GaugeSource } from "./kind.ts"
import { kindOf, type Guardrail } from "./kinds.ts"
import type { Memory } from "./memory.ts"
import { coversTool } from "./selector.ts"
import { disclosesRedacted } from "./figure-disclosure.ts"
import type { HistoryKey } from "./history-key.ts"

export interface Gauge {
  readonly guardrail: string
  /** A key of `GAUGES`. */
  readonly kind: string
  /** The measure that is counted. */
  readonly measure: GaugeSource["measure"]
  /** Null if all ledgers share the count, or if it would disclose an argument that the catalog redacts. */
  readonly used: number | null
  readonly limit: number
  /** Seconds until all of it is available again. Null if there is no such span (`GAUGES`). */
  readonly seconds: number | null
  readonly shared: boolean
  /** The lowest risk of a call at which it applies. Null if it always applies. */
  readonly from_risk: number | null
  /**
   * The values of the key's fields that have this count; a hidden value is null. Null if the tree has a single count,
   * or none so far.
   */
  readonly key: Readonly<Record<string, string | null>> | null
}

/** The facts that decide which guardrails apply to a task. */
export interface Gauged {
  readonly id: string
  readonly agent: string
  readonly historyKey: HistoryKey
  readonly purpose: string
  /** The tools that the task may call. */
  readonly tools: readonly Tool[]
}

/** How many keys of one guardrail are listed, the fullest first. */
const MOST_OF_ONE = 5
/** How many gauges are listed, the fullest first. */
const MOST = 100

/**
 * Returns the gauges of guardrails that apply to one of the tasks, the fullest first.
 * @param catalog all tools
 * @param hidden ids of guardrails whose figures an earlier bundle hid
 * @param isOfFleet whether the agent has other ledgers that share its counts
 * @param tellsAll whether the reader may see what other tasks of the tree called, and with which arguments
 */
export function gaugesOf(
  definitions: readonly Guardrail[],
  tasks: readonly Gauged[],
  catalog: Iterable<Tool>,
  hidden: ReadonlySet<string>,
  tellsAll: boolean,
  memoryOf: (history: GaugeSource["history"]) => Memory,
  isOfFleet: boolean,
  now: number,
): readonly Gauge[] {
  const tools = [...catalog]
  const gauges = definitions.flatMap((guardrail) => {
    const source = kindOf(guardrail).gauge(guardrail)
    if (!source || !tasks.some((task) => applies(guardrail, task))) return []
    const blank = blankOf(guardrail, source, isOfFleet && source.isSharedByFleet)
    if (blank.shared || hidden.has(guardrail.id) || disclosesRedacted(guardrail, tools))
      return [{ ...blank, used: null }]
    const isShown = (field: Field): boolean => SHOWN_TO_ALL.has(field) || tellsAll
    // Other agents of the user have counts, too, of which this task's agent learns nothing.
    if (source.history !== "tree" && !source.per.every(isShown)) return [{ ...blank, used: null }]
    return gaugesFor(source, blank, tasks, isShown, memoryOf(source.history), now)
  })
  return gauges.toSorted((a, b) => fullness(b) - fullness(a)).slice(0, MOST)
}

/** Fields of a key that every reader of the task knows anyway. */
const SHOWN_TO_ALL: ReadonlySet<Field> = new Set(["task", "agent", "purpose", "user", "user_or_agent"])

function applies(guardrail: Guardrail, { agent, purpose, tools }: Gauged): boolean {
  const { of: selector } = guardrail
  const coversLifecycle = kindOf(guardrail).coversLifecycle(guardrail)
  return (
    (!selector.agents || selector.agents.includes(agent)) &&
    (!selector.purposes || selector.purposes.includes(purpose)) &&
    tools.some((tool) => coversTool(selector, tool) && (coversLifecycle || !isLifecycle(tool)))
  )
}

function gaugesFor(
  source: GaugeSource,
  blank: Gauge & { readonly used: number },
  tasks: readonly Gauged[],
  isShown: (field: Field) => boolean,
  memory: Memory,
  now: number,
): readonly Gauge[] {
  const counted = source.counts(memory, now).flatMap(([text, used]) => {
    const fields = fieldsOf(source.per, text)
    if (used === 0 || !fields.every(([field, value]) => isTheirs(field, value, tasks))) return []
    const key = Object.fromEntries(fields.map(([field, value]) => [field, isShown(field) ? shown(field, value) : null]))
    return [{ ...blank, used, key: fields.length === 0 ? null : key }]
  })
  return counted.length === 0 ? [blank] : counted.toSorted((a, b) => b.used - a.used).slice(0, MOST_OF_ONE)
}

function blankOf(
  { id, fromRisk }: Guardrail,
  { kind, measure, limit, seconds, isShared }: GaugeSource,
  isSharedByFleet: boolean,
): Gauge & { readonly used: number } {
  const shared = isShared || isSharedByFleet
  return { guardrail: id, kind, measure, used: 0, limit, seconds, shared, from_risk: fromRisk ?? null, key: null }
}

/** Splits a key into its parts, which `keyReader` joins. */
function fieldsOf(per: readonly Field[], key: string): readonly (readonly [Field, string])[] {
  const telling = per.filter((field) => field !== "tree")
  const [only] = telling
  if (only !== undefined && telling.length === 1) return [[only, key]]
  const texts = key.split("\n")
  return telling.map((field, index) => [field, texts[index] ?? ""])
}

function isTheirs(field: Field, text: string, tasks: readonly Gauged[]): boolean {
  if (field === "task") return tasks.some(({ id }) => id === text)
  if (field === "agent") return tasks.some(({ historyKey }) => historyKey === text)
  return field !== "purpose" || tasks.some(({ purpose }) => purpose === text)
}

/** Returns only the tool of a whole call, because the hash of the arguments means nothing to people. */
function shown(field: Field, text: string): string {
  return field === "call" ? (text.split(" ", 1)[0] ?? "") : text
}

function fullness({ used, limit }: Gauge): number {
  return used === null ? -1 : used / Math.max(limit, 1)
}
