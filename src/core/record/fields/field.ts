/**
 * One field of the decision record: all that there is to say about it, in one place. A field cannot be declared without
 * saying how it is cut and what hides the arguments in it.
 */
import * as z from "zod"
import type { Lookup } from "../../encoding/lookup.ts"
import type { Segments } from "../../catalog/route.ts"
import type { Tool } from "../../catalog/tool.ts"

/** By what the arguments of a call are hidden. */
export interface Redaction {
  /** Names of arguments of the tool that is called. */
  readonly redact: readonly string[]
  /** Of the path, which are arguments. */
  readonly segments: Segments
  /** The catalog that decides. */
  readonly tools: Lookup<Tool>
}

/** What is left of a value without the arguments that the catalog redacts. */
export type Redact<Value> = (value: Value, by: Redaction) => Value
/** Instead of that: the value holds no argument, nor what an argument is compared with. */
export const NO_ARGUMENT = null

export interface Truncation<Value> {
  /** What is left of a value that a caller has made long; null: it is stored as it is. */
  readonly atOnce: ((value: Value) => Value) | null
  /** If the record is too long all the same: never cut, cut as one value, member by member, or as a record in the record. */
  readonly ifTooLong: "never" | "whole" | "members" | "record"
}
/** It says which call it was, or cannot be made long. */
export const NEVER_CUT = { atOnce: null, ifTooLong: "never" } as const satisfies Truncation<never>
/** Only in a record that would be too long as a whole. */
export const CUT_LAST = { atOnce: null, ifTooLong: "whole" } as const satisfies Truncation<never>

/** What one says of a field of these values. */
export interface Field<Value> {
  /** As readers parse it, who may be older or newer than the Worker: it takes whatever the Worker writes. */
  readonly schema: z.ZodType
  /** The value if nothing is known of it: it is not stored. Undefined: it is always known. */
  readonly blank: Value | undefined
  /** The record log finds records by it, so that it is stored even if it is blank, and no reader does without it. */
  readonly isIndexed?: true
  readonly truncation: Truncation<Value>
  readonly redaction: Redact<Value> | typeof NO_ARGUMENT
  /** `client`: the answer shows it too. */
  readonly visibleTo: "operators" | "client"
  /** What it is; the documentation is made of it. */
  readonly doc: string
}

/** Never there: it keeps the type of what the Worker writes. */
interface Written<Value> {
  readonly written?: Value
}
export type ValueOf<F> = F extends Written<infer Value> ? Value : never

type Immutable<T> = T extends readonly (infer Item)[]
  ? readonly Immutable<Item>[]
  : T extends object
    ? { readonly [M in keyof T]: Immutable<T[M]> }
    : T
type Takes<Schema, Value> =
  Immutable<Value> extends Immutable<z.input<Schema>> ? unknown : "readers do not take what is written"

/** @typeParam Value what the Worker writes */
export function field<Value>() {
  return <const F extends Field<Value>>(
    entry: F & { readonly schema: Takes<F["schema"], Value> },
  ): F & Written<Value> => entry
}

type TextField = Omit<Field<string | null>, "schema" | "blank" | "redaction"> & {
  readonly redaction: typeof NO_ARGUMENT
}

/** A text that holds no argument, or null. */
export function text<const F extends TextField>(
  entry: F,
): F & { readonly schema: typeof NULLABLE_TEXT; readonly blank: null } & Written<string | null> {
  return { ...entry, schema: NULLABLE_TEXT, blank: null }
}
export const NULLABLE_TEXT = z.string().nullable()
export const TEXTS = z.array(z.string())
