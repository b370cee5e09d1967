/** Conditions of sequences: what they state about the calls that a task tree made before. */
import type { ArgumentField, Field, Selector } from "./definition.ts"

/** A field of the past call equals a field of the call under evaluation. */
export interface Tie {
  readonly past: Field
  readonly present: Field
}

/** Selects past calls by their own properties and by what they share with the call under evaluation. */
export interface Pattern extends Selector {
  /** All of them hold. */
  readonly where: readonly Tie[]
  /** A further condition that held when that call was made, evaluated for that call. */
  readonly when?: Condition
}

/** How many. */
export type Threshold = { readonly atLeast: number } | { readonly atMost: number }

/** A condition on the allowed calls of the tree. No condition looks back farther than a day. */
export type Condition =
  | { readonly kind: "all" | "any"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: Condition }
  /** Such a call came before this one, less than so many seconds ago. */
  | { readonly kind: "formerly"; readonly event: Pattern; readonly seconds: number }
  /** The call right before this one, of the tree or of the task, lifecycle aside, was such. */
  | {
      readonly kind: "previous"
      readonly event: Pattern
      readonly seconds: number
      readonly in: "task" | "tree"
    }
  /** Such a call came before, and since then none that undoes it. */
  | { readonly kind: "since"; readonly event: Pattern; readonly undoneBy: Pattern; readonly seconds: number }
  /** So many such calls, this one included where it is one. */
  | { readonly kind: "count"; readonly event: Pattern; readonly seconds: number; readonly is: Threshold }
  /** So many values of a field of such calls, this one included where it is one. */
  | {
      readonly kind: "distinct"
      readonly event: Pattern
      readonly field: Field
      readonly seconds: number
      readonly is: Threshold
    }
  /** Amounts of such calls add up to so much, this one included where it is one; in units of 1/10,000. */
  | {
      readonly kind: "sum"
      readonly event: Pattern
      readonly field: ArgumentField
      readonly seconds: number
      readonly is: Threshold
    }
