import type { Use, WindowUse } from "../guardrails/kind.ts"
import type { DecisionRecord } from "../record/record.ts"
import type { Consented } from "./simulated-tree.ts"

/** The members of a decision record that are read here, whether it is stored, or came over the wire or from a file. */
export interface RecordedCall extends Pick<
  DecisionRecord,
  | "id"
  | "at"
  | "tool"
  | "task"
  | "purpose"
  | "user"
  | "groups"
  | "chain"
  | "gateway"
  | "environment"
  | "arguments"
  | "arguments_omitted"
  | "facts"
  | "calls"
  | "labels"
  | "bound"
> {
  readonly kind: string
  readonly denial: {
    readonly reason: string
    readonly window?: unknown
    readonly budget?: unknown
    readonly guardrail?: unknown
  } | null
  /** An older record contains fewer members of them. */
  readonly windows: readonly (Pick<WindowUse, "window" | "limit" | "used"> &
    Partial<Pick<WindowUse, "asked" | "waits">>)[]
  readonly guardrails: readonly Use[]
  readonly approvals: readonly Consented[]
  readonly cut?: readonly string[] | null | undefined
}
