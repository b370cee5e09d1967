/**
 * The bounds that the recorded values of an argument suggest: one row for each kind, the strictest that fits first. A
 * bound is only suggested if there were enough calls and, for lists and directories, if nothing new has come for a while.
 */
import type { MeaningBound } from "../../src/core/catalog/bounds/definition.ts"
import type { ArgumentValues } from "./argument-values.ts"
import { HEADROOM, withHeadroom } from "./headroom.ts"
import type { Meanings } from "./meanings/meanings.ts"
import { MOST_VALUES } from "./most-values.ts"
import { isSettled } from "./settled.ts"

/** With fewer calls of a tool no bound is suggested. */
export const FEWEST_CALLS = 20
const SHORTEST_PREFIX = 4

export interface SuggestedBound {
  readonly by: ConditionOfRule | { readonly named: MeaningBound }
  /** For people. */
  readonly words: string
  /** A value within, and one outside, for the tests. */
  readonly within: string | number | boolean
  readonly outside: string | number | boolean
}

interface ConditionOfRule {
  /** In the words of Cedar, of `context.arguments.NAME`. */
  readonly condition: string
  /** As schema.cedarschema declares the argument. */
  readonly type: "String" | "Long" | "Bool"
}

/** Told once for an agent, not for each argument. */
export const TOO_FEW = `fewer than ${FEWEST_CALLS} calls`

type Kind = (values: ArgumentValues, path: string) => SuggestedBound | null

/**
 * Null if nothing fits, or too little is known, with the reason.
 * @param path of the argument in Cedar
 */
export function boundOf(
  values: ArgumentValues,
  calls: number,
  path: string,
): SuggestedBound | { readonly none: string } {
  if (values.isHidden) return { none: "its values are redacted or cut" }
  if (calls < FEWEST_CALLS) return { none: TOO_FEW }
  if (values.count < calls) return { none: `${calls - values.count} of ${calls} calls did not have it` }
  for (const kind of KINDS) {
    const bound = kind(values, path)
    if (bound) return bound
  }
  return { none: values.types.size === 1 ? "its values have nothing in common" : "its values have different types" }
}

const quoted = (text: string): string => JSON.stringify(text)

/** Text that stands for itself in a pattern of Cedar and in a string. */
export const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/u.test(text) && !/[*\\"]/u.test(text)

const meaning =
  (name: keyof Meanings): Kind =>
  ({ isOther, meanings }) => {
    const learned = isOther ? null : meanings[name].learned
    if (!learned) return null
    const { bound, ...rest } = learned
    return { by: { named: bound }, ...rest }
  }

const values: Kind = ({ values: seen, count, settledAfter, types }, path) => {
  const all = [...seen.keys()].toSorted((a, b) => (String(a) < String(b) ? -1 : 1))
  const [first] = all
  const isText = types.has("string")
  if (types.size !== 1 || first === undefined || all.length > MOST_VALUES || !isSettled(settledAfter, count))
    return null
  if (!isText && !types.has("boolean")) return null
  if (isText && !all.every((value) => isPlain(String(value)))) return null
  const texts = all.map((value) => (isText ? quoted(String(value)) : String(value)))
  if (!isText && all.length > 1) return null
  const condition = texts.length === 1 ? `${path} == ${texts[0]}` : `[${texts.join(", ")}].contains(${path})`
  const outside = isText ? `not ${String(first)}` : first !== true
  return {
    by: { condition, type: isText ? "String" : "Bool" },
    words: texts.length === 1 ? `was ${texts[0]}` : `was one of ${texts.join(", ")}`,
    within: first,
    outside,
  }
}

/** Cedar compares whole numbers. */
const range: Kind = ({ min, max, types }, path) => {
  if (types.size !== 1 || !types.has("integer")) return null
  const most = withHeadroom(max)
  const least = min >= 1 ? 1 : min >= 0 ? 0 : -withHeadroom(-min)
  return {
    by: { condition: `${path} >= ${least} && ${path} <= ${most}`, type: "Long" },
    words: `was from ${min} to ${max}; up to ${most} leaves ${HEADROOM * 100} % of head-room`,
    within: max,
    outside: most + 1,
  }
}

/** What goes on behind it may be another host. */
const ENDS_IN_HOST = /^[a-z][a-z0-9+.-]*:\/\/[^/]*$/iu

/** Up to the last separator that all have in common. */
const beginning: Kind = ({ prefix, types, hasDots }, path) => {
  const common = prefix === null || types.size !== 1 || !types.has("string") ? "" : lastingPartOf(prefix)
  if (common.length < SHORTEST_PREFIX || !isPlain(common) || LEADS_SOMEWHERE.test(common)) return null
  if (ENDS_IN_HOST.test(common)) return null
  // A path that leads out of what it begins with would still begin with it.
  const isPath = common.includes("/")
  if (isPath && hasDots) return null
  const stays = isPath ? ` && !(${path} like "*..*")` : ""
  return {
    by: { condition: `${path} like ${quoted(`${common}*`)}${stays}`, type: "String" },
    words: `began with ${quoted(common)}`,
    within: `${common}x`,
    outside: `elsewhere/${common}`,
  }
}

/** What it begins with does not say where it leads. */
const LEADS_SOMEWHERE = /^(?:\/|(?:https?|wss?):)/iu

const lastingPartOf = (prefix: string): string => /^.*[/:.#_-]/su.exec(prefix)?.[0] ?? ""

/** Dates and quantities before lists: neither the days nor the amounts of the records are those of tomorrow. */
const KINDS: readonly Kind[] = [
  meaning("date"),
  meaning("quantity"),
  values,
  range,
  meaning("email"),
  meaning("url"),
  meaning("cidr"),
  meaning("path"),
  beginning,
]
