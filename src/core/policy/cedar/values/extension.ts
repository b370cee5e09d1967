/**
 * Cedar's extension types (Cedar documentation, "Data types"). Each value has a `key`: its type, and in parentheses
 * what it is made of, so that two are equal exactly where their keys are.
 */
import type { Value } from "./value.ts"

/** Throws EvaluationError where the official engine errs. */
export type ExtensionFunction =
  | { readonly arity: 1; readonly apply: (value: Value) => Value }
  | { readonly arity: 2; readonly apply: (left: Value, right: Value) => Value }

export function unary(apply: (value: Value) => Value): ExtensionFunction {
  return { arity: 1, apply }
}

export function binary(apply: (left: Value, right: Value) => Value): ExtensionFunction {
  return { arity: 2, apply }
}

/** By name; functions and methods of Cedar are called alike in its JSON policy format. */
export type ExtensionFunctions = readonly (readonly [name: string, ExtensionFunction])[]
