/** Conditions of sequences: what they state about the calls that a task tree made before. */
import type { ArgumentField, Field, Selector } from "./definition.ts"

/** A field of the past call equals a field of the call under evaluation. */
export interface Tie {
  readonly past: Field
  readonly present: Field
}

/** Selects past calls by their own properties and by what they share with the call under evaluation. */
export interface Pattern extends Selector {
  /** Each of them must hold. */
  readonly where: readonly Tie[]
  /** A further condition that held when that call was made, evaluated for that call. */
  readonly when?: Condition
}

/** The number, or the sum, that the condition requires. */
export type Threshold = { readonly atLeast: number } | { readonly atMost: number }

/** A condition on the allowed calls of the tree. No condition looks back farther than a day. */
export type Condition =
  | { readonly kind: "all" | "any"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: Condition }
  /** A matching call came before this one, less than so many seconds ago. */
  | { readonly kind: "formerly"; readonly event: Pattern; readonly seconds: number }
  /** The call right before this one, in the tree or in the task, matched; lifecycle calls are skipped. */
  | {
      readonly kind: "previous"
      readonly event: Pattern
      readonly seconds: number
      readonly in: "task" | "tree"
    }
  /** A matching call came before, and no call that undoes it has come since. */
  | { readonly kind: "since"; readonly event: Pattern; readonly undoneBy: Pattern; readonly seconds: number }
  /** The number of matching calls, this one included if it matches. */
  | { readonly kind: "count"; readonly event: Pattern; readonly seconds: number; readonly is: Threshold }
  /** The number of values of a field of matching calls, this one included if it matches. */
  | {
      readonly kind: "distinct"
      readonly event: Pattern
      readonly field: Field
      readonly seconds: number
      readonly is: Threshold
    }
  /** The sum of the amounts of matching calls, this one included if it matches, in units of 1/10,000. */
  | {
      readonly kind: "sum"
      readonly event: Pattern
      readonly field: ArgumentField
      readonly seconds: number
      readonly is: Threshold
    }
