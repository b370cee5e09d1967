/**
 * Which guardrails can be evaluated on a state that was rebuilt from records, and for which calls: only if the records
 * have everything that the guardrail counts, as far back as it looks.
 */
import type { Tool } from "../../src/core/catalog/tool.ts"
import { LONGEST_LOOK_BACK, type Field } from "../../src/core/guardrails/definition.ts"
import type { CompiledGuardrail } from "../../src/core/guardrails/kind.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { isShared, type Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Use, WindowUse } from "../../src/core/guardrails/kind.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { readLocator } from "../../src/core/task/state.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
import type { Completeness } from "./completeness.ts"

/** The fields of a call that its record has, beside arguments. */
const RECORDED: ReadonlySet<Field> = new Set<Field>([
  "task",
  "tree",
  "agent",
  "user",
  "user_or_agent",
  "purpose",
  "tool",
  "server",
  "gateway",
  "environment",
])

/** What was used of each limit before a call, by its id. */
export type Figures = ReadonlyMap<string, number>

export function figuresOf({ windows, guardrails }: FigureSource): Figures {
  const uses = guardrails.flatMap(({ guardrail, used }) => (used === undefined ? [] : [[guardrail, used] as const]))
  return new Map([...windows.map(({ window, used }) => [window, used] as const), ...uses])
}

interface FigureSource {
  readonly windows: readonly Pick<WindowUse, "window" | "used">[]
  readonly guardrails: readonly Pick<Use, "guardrail" | "used">[]
}

export class RebuiltGuardrails {
  readonly #bundle: Bundle
  readonly #completeness: Completeness
  /** Milliseconds since the epoch: of the oldest record. */
  readonly start: number
  /** They count an argument that some record does not have. */
  readonly #uncounted = new Set<string>()
  /** Counts of which nothing is missing. */
  readonly #confirmed = new Set<string>()

  constructor(bundle: Bundle, completeness: Completeness, start: number) {
    this.#bundle = bundle
    this.#completeness = completeness
    this.start = start
  }

  /** The arguments of a call that its guardrails read. */
  reads(tool: Tool): ReadonlySet<string> {
    const names = new Set(this.#bundle.guardrails.reads(tool))
    for (const { guardrail } of this.#bundle.guardrails.about(tool).applying)
      for (const name of Object.keys(guardrail.of.arguments ?? {})) names.add(name)
    return names
  }

  /**
   * The guardrails that apply to the call and cannot be evaluated on the rebuilt state. If only calls before the oldest
   * record may be missing, a record that shows the same figure, or that nothing was used, dispels the doubt for good.
   * @param rebuilt the figures of this call on the rebuilt state
   */
  doubtful(tool: Tool, record: ShownRecord, recordedBy: Bundle | null, rebuilt: () => Figures): readonly string[] {
    const recorded = figuresOf(record)
    return this.#bundle.guardrails.about(tool).applying.flatMap((each) => {
      const { guardrail } = each
      const { id } = guardrail
      const doubt = this.#doubtOf(each, record.task ?? "", record.at)
      if (doubt === null) return []
      const key = keyOf(guardrail, record)
      if (doubt === "not recorded") return [id]
      if (this.#confirmed.has(key)) return []
      const figure = isSameCount(guardrail, record, recordedBy) ? recorded.get(id) : undefined
      if (figure === undefined || (figure !== 0 && figure !== rebuilt().get(id))) return [id]
      this.#confirmed.add(key)
      return []
    })
  }

  /** The call happened, and some of its arguments are unknown. */
  leaveOut(tool: Tool): void {
    const { applying, tracking } = this.#bundle.guardrails.about(tool)
    if (this.reads(tool).size > 0)
      for (const { guardrail } of [...applying, ...tracking]) this.#uncounted.add(guardrail.id)
  }

  #doubtOf(
    { guardrail, history }: CompiledGuardrail<Guardrail>,
    task: string,
    now: number,
  ): "earlier calls" | "not recorded" | null {
    const { id, kind, fromRisk } = guardrail
    if (fromRisk !== undefined || this.#uncounted.has(id) || (kind !== "limit" && kind !== "sequence"))
      return "not recorded"
    if (kind === "limit" && !fieldsOf(guardrail).every(isRecorded)) return "not recorded"
    const isOfAll = kind === "limit" && isShared(guardrail)
    if (history === "tree" && !isOfAll) return null
    const isComplete = isOfAll ? this.#completeness.isAll() : this.#completeness.isLedger(task)
    return isComplete && this.start <= beginningOf(guardrail, now) ? null : "earlier calls"
  }
}

/** Which of the counts of a guardrail the call is in. */
function keyOf(guardrail: Guardrail, record: ShownRecord): string {
  const { task, chain } = record
  const fields = guardrail.kind === "limit" ? guardrail.per.map((field) => fieldIn(record, field)) : []
  const ofChain = guardrail.kind === "limit" && guardrail.history === undefined ? null : chain
  return JSON.stringify([guardrail.id, readLocator(task ?? ""), ofChain, ...fields])
}

function fieldIn(record: ShownRecord, field: Field): unknown {
  const { chain, user, tool, purpose, gateway, environment, arguments: args, task } = record
  if (field.startsWith("arguments.")) return args[field.slice("arguments.".length)] ?? null
  const values: Readonly<Record<string, unknown>> = {
    agent: chain.at(-1),
    user,
    user_or_agent: user ?? chain[0],
    server: tool,
    tool,
    purpose,
    gateway,
    environment,
    task,
    tree: task,
  }
  return values[field] ?? null
}

/** Whether what the record counts is what the guardrail counts, at least as far back. */
function isSameCount(guardrail: Guardrail, { windows }: ShownRecord, recordedBy: Bundle | null): boolean {
  if (guardrail.kind !== "limit" || guardrail.span.kind === "life") return false
  const { limit, span } = guardrail
  const before = recordedBy?.guardrails.definitions.find(({ id }) => id === guardrail.id)
  if (!recordedBy) {
    // Without the bundle, a window of the same name, limit and length is the same.
    return windows.some((each) => each.window === guardrail.id && each.limit === limit && each.seconds === span.seconds)
  }
  if (before?.kind !== "limit" || before.span.kind !== span.kind || before.span.seconds < span.seconds) return false
  const counted = ({ of, per, history, measure }: Limit): string => JSON.stringify([of, per, history, measure])
  return counted(before) === counted(guardrail)
}

const isRecorded = (field: Field): boolean => RECORDED.has(field) || field.startsWith("arguments.")

function fieldsOf({ per, measure }: Limit): readonly Field[] {
  return measure.kind === "distinct" ? [...per, measure.field] : per
}

/** How far back it looks: milliseconds since the epoch. */
function beginningOf(guardrail: Guardrail, now: number): number {
  if (guardrail.kind !== "limit" || guardrail.span.kind === "life") return now - LONGEST_LOOK_BACK * 1000
  const { kind, seconds } = guardrail.span
  const length = seconds * 1000
  return kind === "fixed" ? now - (now % length) : now - length
}
