/**
 * Gauges: how much of its windows, its budgets and its calls in flight a tree has used, for people to look at. Nothing is
 * judged and nothing counts by it. A count that several trees share is told as such: nobody else is asked for it.
 */
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import { shownUnits } from "./amount.ts"
import { isShared, type Concurrency, type Field, type Guardrail, type Limit } from "./definition.ts"
import { flightsOwner } from "./concurrency.ts"
import { secondsOf } from "./limit.ts"
import { keysOf, readLimit } from "./limit-meter.ts"
import type { Memory } from "./memory.ts"
import { coversTool } from "./selector.ts"
import { isTelltale } from "./telling-figures.ts"

export interface Gauge {
  readonly guardrail: string
  readonly kind: "window" | "budget" | "concurrency"
  /** What is counted. */
  readonly measure: Limit["measure"]["kind"]
  /** Null where it is not told: the count is shared by several trees, or is of an argument that the catalog redacts. */
  readonly used: number | null
  readonly limit: number
  /** Until all of it is there again; null: as long as its tree lives, or until calls end. */
  readonly seconds: number | null
  readonly shared: boolean
  /** It holds only while the risk of a call is at least so high; null: always. */
  readonly from_risk: number | null
  /** What has its own count, by field: a value that is not told is null. Null: the tree has one, or none so far. */
  readonly key: Readonly<Record<string, string | null>> | null
}

/** Of a task, what a guardrail tells it by. */
export interface Gauged {
  readonly id: string
  readonly agent: string
  readonly purpose: string
  /** That it may call. */
  readonly tools: readonly Tool[]
}

/** Keys of one guardrail that are told of, the fullest. */
const MOST_OF_ONE = 5
/** In all, the fullest. */
const MOST = 100

/**
 * Those that apply to one of the tasks, the fullest first.
 * @param catalog all tools
 * @param hidden ids of guardrails whose figures an earlier bundle hid
 * @param tellsAll whether whoever asks may see what was called by others of the tree, and with what
 */
export function gaugesOf(
  definitions: readonly Guardrail[],
  tasks: readonly Gauged[],
  catalog: Iterable<Tool>,
  hidden: ReadonlySet<string>,
  tellsAll: boolean,
  memory: Memory,
  now: number,
): readonly Gauge[] {
  const tools = [...catalog]
  const gauges = definitions.flatMap((guardrail) => {
    if (!isGauge(guardrail) || !tasks.some((task) => applies(guardrail, task))) return []
    const blank = blankOf(guardrail)
    // The figures of what is redacted would tell it.
    if (blank.shared || hidden.has(guardrail.id) || isTelltale(guardrail, tools)) return [{ ...blank, used: null }]
    return gaugesFor(guardrail, blank, tasks, (field) => TOLD_TO_ALL.has(field) || tellsAll, memory, now)
  })
  return gauges.toSorted((a, b) => fullness(b) - fullness(a)).slice(0, MOST)
}

/** Of a key: what the task itself says, whoever looks at it. */
const TOLD_TO_ALL: ReadonlySet<Field> = new Set(["task", "agent", "purpose", "user"])

type Gaugeable = Limit | Concurrency

function isGauge(guardrail: Guardrail): guardrail is Gaugeable {
  if (guardrail.kind === "concurrency") return true
  return guardrail.kind === "limit" && (guardrail.topic === "window" || guardrail.topic === "budget")
}

function applies({ of: selector, ...rest }: Gaugeable, { agent, purpose, tools }: Gauged): boolean {
  const isWindow = rest.kind === "limit" && rest.topic === "window"
  return (
    (!selector.agents || selector.agents.includes(agent)) &&
    (!selector.purposes || selector.purposes.includes(purpose)) &&
    tools.some((tool) => coversTool(selector, tool) && (isWindow || !isLifecycle(tool)))
  )
}

function gaugesFor(
  guardrail: Gaugeable,
  blank: Gauge & { readonly used: number },
  tasks: readonly Gauged[],
  tells: (field: Field) => boolean,
  memory: Memory,
  now: number,
): readonly Gauge[] {
  const found = countsOf(guardrail, memory, now).flatMap(([text, used]) => {
    const fields = fieldsOf(guardrail.per, text)
    if (used === 0 || !fields.every(([field, value]) => isTheirs(field, value, tasks))) return []
    const key = Object.fromEntries(fields.map(([field, value]) => [field, tells(field) ? shown(field, value) : null]))
    return [{ ...blank, used, key: fields.length === 0 ? null : key }]
  })
  return found.length === 0 ? [blank] : found.toSorted((a, b) => b.used - a.used).slice(0, MOST_OF_ONE)
}

function blankOf(guardrail: Gaugeable): Gauge & { readonly used: number } {
  const { id, limit, fromRisk = null } = guardrail
  const same = { guardrail: id, used: 0, from_risk: fromRisk, key: null } as const
  if (guardrail.kind === "concurrency") {
    return { ...same, kind: "concurrency", measure: "calls", limit, seconds: null, shared: false }
  }
  const { topic, measure, span } = guardrail
  const most = span.kind === "bucket" ? span.burst : limit
  const kind = topic === "budget" ? topic : "window"
  const told = { limit: measure.kind === "sum" ? shownUnits(most) : most, seconds: secondsOf(guardrail) || null }
  return { ...same, kind, measure: measure.kind, ...told, shared: isShared(guardrail) }
}

/** By key. */
function countsOf(guardrail: Gaugeable, memory: Memory, now: number): readonly (readonly [string, number])[] {
  if (guardrail.kind === "concurrency") {
    return [...memory.flights.of(flightsOwner(guardrail))].map(([key, flights]) => {
      return [key, [...flights.values()].filter(({ until }) => until > now).length]
    })
  }
  const { measure } = guardrail
  const isDistinct = measure.kind === "distinct"
  return keysOf(memory, guardrail).map((key) => {
    const { used } = readLimit(memory, guardrail, key, isDistinct ? [] : 0, now)
    return [key, measure.kind === "sum" ? shownUnits(used) : used]
  })
}

/** A key's parts, as `keyReader` joins them. */
function fieldsOf(per: readonly Field[], key: string): readonly (readonly [Field, string])[] {
  const telling = per.filter((field) => field !== "tree")
  const [only] = telling
  if (only !== undefined && telling.length === 1) return [[only, key]]
  const texts = key.split("\n")
  return telling.map((field, index) => [field, texts[index] ?? ""])
}

function isTheirs(field: Field, text: string, tasks: readonly Gauged[]): boolean {
  if (field === "task") return tasks.some(({ id }) => id === text)
  if (field === "agent") return tasks.some(({ agent }) => agent === text)
  return field !== "purpose" || tasks.some(({ purpose }) => purpose === text)
}

/** Of a whole call its tool: what stands for the arguments says nothing to people. */
function shown(field: Field, text: string): string {
  return field === "call" ? (text.split(" ", 1)[0] ?? "") : text
}

function fullness({ used, limit }: Gauge): number {
  return used === null ? -1 : used / Math.max(limit, 1)
}
