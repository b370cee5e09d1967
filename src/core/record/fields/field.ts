/**
 * One field of the decision record: everything about it, in one place. A field cannot be declared without stating how
 * it is cut and how the arguments in it are redacted.
 */
import * as z from "zod"
import type { Lookup } from "../../encoding/lookup.ts"
import type { Segments } from "../../catalog/route.ts"
import type { Tool } from "../../catalog/tool.ts"

/** What determines the redaction of a call's record. */
export interface Redaction {
  /** Names of the arguments of the called tool that the catalog redacts. */
  readonly redact: readonly string[]
  /** The segments of the path that are arguments. */
  readonly segments: Segments
  /** The tools of the deciding catalog. */
  readonly tools: Lookup<Tool>
}

/** Returns a value without the arguments that the catalog redacts. */
export type Redact<Value> = (value: Value, by: Redaction) => Value
/** Marks a field that contains no argument, and nothing that an argument is compared with. */
export const NO_ARGUMENT = null

export interface Truncation<Value> {
  /** Returns what is left of a value that a caller has made long. Null if it is stored as it is. */
  readonly atOnce: ((value: Value) => Value) | null
  /**
   * How the field is cut if the record is still too long: never, as one value, member by member, or as a record within
   * the record.
   */
  readonly ifTooLong: "never" | "whole" | "members" | "record"
}
/** For a field that identifies the call, or cannot become long. */
export const NEVER_CUT = { atOnce: null, ifTooLong: "never" } as const satisfies Truncation<never>
/** For a field that is cut only if the record as a whole would be too long. */
export const CUT_LAST = { atOnce: null, ifTooLong: "whole" } as const satisfies Truncation<never>

/** The definition of a field with these values. */
export interface Field<Value> {
  /** The schema for readers, which may be older or newer than the Worker. It accepts whatever the Worker writes. */
  readonly schema: z.ZodType
  /** The value if it is unknown; it is then not stored. Undefined if it is always known. */
  readonly blank: Value | undefined
  /** The record log indexes the field, so it is stored even if it is blank, and every reader requires it. */
  readonly isIndexed?: true
  readonly truncation: Truncation<Value>
  readonly redaction: Redact<Value> | typeof NO_ARGUMENT
  /**
   * Whether it can identify a person or describe what they sent. It is erased with the person, and the record's entry
   * in the Merkle tree of its log only commits to it (core/proof/leaf.ts), so this never changes once there are records.
   */
  readonly personal: boolean
  /** `client` if the answer to the caller contains it, too. */
  readonly visibleTo: "operators" | "client"
  /** What it means; the documentation is generated from it. */
  readonly doc: string
}

/** Never present: it carries the type of what the Worker writes. */
export interface Written<Value> {
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
