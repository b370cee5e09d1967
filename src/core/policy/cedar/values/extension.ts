/**
 * Cedar's extension types (Cedar documentation, "Data types"). Each value has a `key`, made of its type and, in
 * parentheses, its content. Two values are equal exactly if their keys are.
 */
import type { Value } from "./value.ts"

/** Throws EvaluationError if the official engine errs. */
export type ExtensionFunction =
  | { readonly arity: 1; readonly apply: (value: Value) => Value }
  | { readonly arity: 2; readonly apply: (left: Value, right: Value) => Value }

export function unary(apply: (value: Value) => Value): ExtensionFunction {
  return { arity: 1, apply }
}

export function binary(apply: (left: Value, right: Value) => Value): ExtensionFunction {
  return { arity: 2, apply }
}

/** By name; Cedar's JSON policy format calls functions and methods in the same way. */
export type ExtensionFunctions = readonly (readonly [name: string, ExtensionFunction])[]
