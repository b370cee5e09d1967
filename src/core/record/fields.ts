/** All fields of the decision record, and what derives from their entries. */
import type * as z from "zod"
import type { Field, NO_ARGUMENT, Redact, ValueOf } from "./fields/field.ts"
import { DECISION_FIELDS } from "./fields/decision.ts"
import { EVIDENCE_FIELDS } from "./fields/evidence.ts"
import { SUBJECT_FIELDS } from "./fields/subject.ts"
import { VERDICT_FIELDS } from "./fields/verdict.ts"

export type { RecordPlace } from "./fields/decision.ts"
export type { Differing, ShadowResult, UsedApproval } from "./fields/evidence.ts"
export type { RecordedDenial } from "./fields/verdict.ts"

export const FIELDS = { ...DECISION_FIELDS, ...VERDICT_FIELDS, ...SUBJECT_FIELDS, ...EVIDENCE_FIELDS }
type Fields = typeof FIELDS
export type FieldName = keyof Fields

type Values = { readonly [F in FieldName]: ValueOf<Fields[F]> }
// An interface shows by its name in messages of the compiler.
export interface DecisionRecord extends Values {}

/** The fields that can hold an argument: whoever records a call hands each of them over to be redacted. */
export type ArgumentField = {
  [F in FieldName]: Fields[F]["redaction"] extends typeof NO_ARGUMENT ? never : F
}[FieldName]

/** The fields of which nothing is known without them. */
type KnownField = { [F in FieldName]: Fields[F]["blank"] extends undefined ? F : never }[FieldName]

/** A record of which only some is known. */
export type PartialRecord = Partial<DecisionRecord> & Pick<DecisionRecord, KnownField>

const ENTRIES = Object.entries(entriesOf(FIELDS))

/** How each is redacted, of those that can hold an argument. */
export const REDACTIONS: readonly (readonly [string, Redact<unknown>])[] = ENTRIES.flatMap(([name, { redaction }]) =>
  redaction ? [[name, redaction] as const] : [],
)

/** How each is cut, of those that callers can make long. */
export const CUT_AT_ONCE = ENTRIES.flatMap(([name, { truncation }]) =>
  truncation.atOnce ? [[name, truncation.atOnce] as const] : [],
)

/** How each may be cut in a record that is too long all the same. */
export const CUT_IF_TOO_LONG = new Map(ENTRIES.map(([name, { truncation }]) => [name, truncation.ifTooLong]))

/** A record of which nothing is known. */
export const BLANK = blankOf(FIELDS)

/** What is not stored if it is blank. */
export const NOT_STORED_IF_BLANK = ENTRIES.flatMap(([name, { blank, isIndexed }]) =>
  isIndexed || blank === undefined ? [] : [[name, blank] as const],
)

/** As readers parse a record; what an older Worker does not send is blank. */
export const SCHEMAS = schemasOf(FIELDS)

// Each function of an entry is applied to the field of that entry alone, which the types of an iteration cannot say.
function entriesOf(fields: Fields): Readonly<Record<string, Field<unknown>>>
function entriesOf(fields: object): object {
  return fields
}

function blankOf(fields: Fields): Readonly<Pick<DecisionRecord, Exclude<FieldName, KnownField>>>
function blankOf(fields: object): object {
  const known = Object.entries<Field<unknown>>({ ...fields }).filter(([, { blank }]) => blank !== undefined)
  return Object.fromEntries(known.map(([name, { blank }]) => [name, blank]))
}

type Schemas = {
  [F in FieldName]: Fields[F] extends { readonly isIndexed: true } | { readonly blank: undefined }
    ? Fields[F]["schema"]
    : z.ZodDefault<Fields[F]["schema"]>
}
function schemasOf(fields: Fields): Schemas
function schemasOf(fields: object): object {
  const all = Object.entries<Field<unknown>>({ ...fields })
  return Object.fromEntries(
    all.map(([name, { schema, blank, isIndexed, doc }]) => [
      name,
      (isIndexed || blank === undefined ? schema : schema.default(blank)).describe(doc),
    ]),
  )
}
