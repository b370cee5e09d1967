/** All fields of the decision record, and what derives from their entries. */
import type * as z from "zod"
import type { Field, NO_ARGUMENT, Redact, ValueOf } from "./fields/field.ts"
import { DECISION_FIELDS } from "./fields/decision.ts"
import { EVIDENCE_FIELDS } from "./fields/evidence.ts"
import { SUBJECT_FIELDS } from "./fields/subject.ts"
import { TRACE_FIELDS } from "./fields/trace.ts"
import { VERDICT_FIELDS } from "./fields/verdict.ts"

export type { RecordPlace } from "./fields/decision.ts"
export type { Differing, ShadowResult, UsedApproval } from "./fields/evidence.ts"
export type { RecordedDenial } from "./fields/verdict.ts"

export const FIELDS = { ...DECISION_FIELDS, ...VERDICT_FIELDS, ...SUBJECT_FIELDS, ...EVIDENCE_FIELDS, ...TRACE_FIELDS }
type Fields = typeof FIELDS
export type FieldName = keyof Fields

type Values = { readonly [F in FieldName]: ValueOf<Fields[F]> }
// An interface appears by its name in messages of the compiler.
export interface DecisionRecord extends Values {}

/** The fields that can contain an argument: the recorder of a call must pass each of them to the redaction. */
export type ArgumentField = {
  [F in FieldName]: Fields[F]["redaction"] extends typeof NO_ARGUMENT ? never : F
}[FieldName]

/** The fields that every record has. */
type KnownField = { [F in FieldName]: Fields[F]["blank"] extends undefined ? F : never }[FieldName]

/** A record with some of its fields. */
export type PartialRecord = Partial<DecisionRecord> & Pick<DecisionRecord, KnownField>

const ENTRIES = Object.entries(entriesOf(FIELDS))

/** How to redact each field that can contain an argument. */
export const REDACTIONS: readonly (readonly [string, Redact<unknown>])[] = ENTRIES.flatMap(([name, { redaction }]) =>
  redaction ? [[name, redaction] as const] : [],
)

/** How to cut each field that callers can make long. */
export const CUT_AT_ONCE = ENTRIES.flatMap(([name, { truncation }]) =>
  truncation.atOnce ? [[name, truncation.atOnce] as const] : [],
)

/** How to cut each field further if the record is still too long. */
export const CUT_IF_TOO_LONG = new Map(ENTRIES.map(([name, { truncation }]) => [name, truncation.ifTooLong]))

/** The names of the fields that are erased with a person. */
export const PERSONAL: ReadonlySet<string> = new Set(
  ENTRIES.flatMap(([name, { personal }]) => (personal ? [name] : [])),
)

/** The values of a record's fields if they are unknown. */
export const BLANK = blankOf(FIELDS)

/** The fields that are not stored if they are blank. */
export const NOT_STORED_IF_BLANK = ENTRIES.flatMap(([name, { blank, isIndexed }]) =>
  isIndexed || blank === undefined ? [] : [[name, blank] as const],
)

/** The schemas by which readers parse a record. A field that an older Worker does not send is blank. */
export const SCHEMAS = schemasOf(FIELDS)

// Each function of an entry is only applied to the field of that entry, which the types of an iteration cannot express.
function entriesOf(fields: Fields): Readonly<Record<string, Field<unknown>>>
function entriesOf(fields: object): object {
  return fields
}

function blankOf(fields: Fields): Readonly<Pick<DecisionRecord, Exclude<FieldName, KnownField>>>
function blankOf(fields: object): object {
  const blanks = Object.entries<Field<unknown>>({ ...fields }).filter(([, { blank }]) => blank !== undefined)
  return Object.fromEntries(blanks.map(([name, { blank }]) => [name, blank]))
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
