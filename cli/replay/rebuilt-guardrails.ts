/**
 * Which guardrails can be evaluated on a state that was rebuilt from records, and for which calls: only if the records
 * have everything that the guardrail counts, as far back as it looks.
 */
import type { Tool } from "../../src/core/catalog/tool.ts"
import { LONGEST_LOOK_BACK, type Field } from "../../src/core/guardrails/definition.ts"
import type { CompiledGuardrail } from "../../src/core/guardrails/kind.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { isShared, type Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
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

export interface Doubt {
  readonly id: string
  /** Only calls before the oldest record may be missing: a record that shows the same figure dispels it. */
  readonly isComparable: boolean
}

export class RebuiltGuardrails {
  readonly #bundle: Bundle
  readonly #completeness: Completeness
  /** Milliseconds since the epoch: of the oldest record. */
  readonly start: number
  /** They count an argument that some record does not have. */
  readonly #uncounted = new Set<string>()

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

  /** The guardrails that apply to the call and cannot be evaluated on the rebuilt state, as far as is known. */
  doubtful(tool: Tool, task: string, now: number): readonly Doubt[] {
    return this.#bundle.guardrails.about(tool).applying.flatMap((each) => {
      const doubt = this.#doubtOf(each, task, now)
      return doubt === null ? [] : [{ id: each.guardrail.id, isComparable: doubt === "earlier calls" }]
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
