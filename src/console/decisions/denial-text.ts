/**
 * Why a decision was a denial, in a sentence: the one of its reason, with the evidence of the record. A reason that this
 * version does not know is shown by its name, with all of its evidence.
 */
import type { Denial } from "../../api/contract/decisions.ts"
import { reasonOf } from "../../core/denials/denial.ts"
import { markInvisible, shortened } from "../../web/visible.ts"

/** Characters of each piece of evidence. */
const MAX_SHOWN = 160

/** A reason of which no call is denied, or one of another version, is shown by its name with all of its evidence. */
export function denialText({ reason, ...evidence }: Denial): string {
  const entry = reasonOf({ reason })
  if (entry) {
    const names = Object.keys(entry.evidence)
    return entry.forOperators(
      Object.fromEntries(names.map((name) => [name, shortened(valueText(evidence[name], name), MAX_SHOWN)])),
    )
  }
  const all = Object.entries(evidence).map(([name, value]) => `${name} ${valueText(value)}`)
  return [reason.replaceAll("_", " "), ...all].map((part) => shortened(part, MAX_SHOWN)).join("; ")
}

function valueText(value: unknown, name?: string): string {
  // An approval without a name is one of operators.
  if (value === null || value === undefined) return name === "name" ? "operators" : "?"
  if (typeof value === "string") return name === "principal" ? principalText(value) : value
  if (Array.isArray(value)) return value.map((each) => valueText(each)).join(", ") || "nothing"
  return markInvisible(JSON.stringify(value))
}

/** The subject of a user, and the id of an agent or operator, of a Cedar entity such as `User::"issuer|subject"`. */
function principalText(key: string): string {
  const [, type, id] = /^(\w+)::"(.*)"$/s.exec(key) ?? []
  if (id === undefined) return key
  return type === "Agent" ? id : id.slice(id.indexOf("|") + 1)
}
