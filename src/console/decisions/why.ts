/** Why something was denied, in words: the sentence of the reason, with the evidence of the record. */
import { reasonOf } from "../../core/denials/denial.ts"
import { shortened, markInvisible } from "../../web/visible.ts"
import type { Denial } from "../../api/contract/decisions.ts"

/** Characters of each piece of evidence. */
const MAX_SHOWN = 160

/** A reason of which no call is denied, or one of another version, is shown by its name with all of its evidence. */
export function whyNot({ reason, ...evidence }: Denial): string {
  const entry = reasonOf({ reason })
  if (entry) {
    const shown = Object.keys(entry.evidence).map((name) => [name, shortened(shownValue(evidence[name]), MAX_SHOWN)])
    return entry.forOperators(Object.fromEntries(shown))
  }
  const all = Object.entries(evidence).map(([name, value]) => `${name} ${shownValue(value)}`)
  return [reason.replaceAll("_", " "), ...all].map((part) => shortened(part, MAX_SHOWN)).join("; ")
}

function shownValue(value: unknown): string {
  if (value === null || value === undefined) return "?"
  if (typeof value === "string") return value
  if (Array.isArray(value)) return value.map(shownValue).join(", ") || "nothing"
  return markInvisible(JSON.stringify(value))
}
