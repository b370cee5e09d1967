/**
 * Removes the arguments that the catalog redacts from every field of a record that can contain one, as its entry in
 * `FIELDS` states.
 */
import type { Redaction } from "./fields/field.ts"
import { REDACTIONS, type ArgumentField, type DecisionRecord } from "./fields.ts"

/** Everything in the record of a call that has to be redacted. */
export type RedactableParts = Pick<DecisionRecord, ArgumentField>

export function redacted<Parts extends Partial<RedactableParts>>(parts: Parts, by: Redaction): Parts {
  const shown = { ...parts }
  const members: Record<string, unknown> = shown
  for (const [name, hide] of REDACTIONS) if (name in members) members[name] = hide(members[name], by)
  return shown
}
