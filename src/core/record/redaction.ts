/**
 * The arguments that the catalog redacts are taken out of every field of a record that can hold one: of those whose entry
 * in `FIELDS` says how.
 */
import type { Redaction } from "./fields/field.ts"
import { REDACTIONS, type ArgumentField, type DecisionRecord } from "./fields.ts"

/** All that the record of a call has to redact. */
export type Telling = Pick<DecisionRecord, ArgumentField>

export function redacted<Parts extends Partial<Telling>>(parts: Parts, by: Redaction): Parts {
  const whole: Readonly<Record<string, unknown>> = { ...parts }
  const hidden: Record<string, unknown> = {}
  for (const [name, hide] of REDACTIONS) if (name in whole) hidden[name] = hide(whole[name], by)
  return Object.assign({}, parts, hidden)
}
