/**
 * The bounds that the recorded values of an argument suggest: one row for each kind, the strictest that fits first. A
 * bound is only suggested if there were enough calls and, for a list, if no new value has come for a while.
 */
import { MOST_VALUES, type ArgumentValues } from "./argument-values.ts"

/** With fewer calls of a tool no bound is suggested. */
export const FEWEST_CALLS = 20
/** A list of values is suggested if the latter half of the calls had no new one. */
const SETTLED_SHARE = 0.5
/** The share that a bound of a number leaves above the highest value. */
export const HEADROOM = 0.25
const SHORTEST_PREFIX = 4

export interface SuggestedBound {
  /** In the words of Cedar, of `context.arguments.NAME`. */
  readonly condition: string
  /** For people. */
  readonly words: string
  /** A value within, and one outside, for the tests. */
  readonly within: string | number | boolean
  readonly outside: string | number | boolean
  /** As schema.cedarschema declares the argument. */
  readonly type: "String" | "Long" | "Bool"
}

/** Told once for an agent, not for each argument. */
export const TOO_FEW = `fewer than ${FEWEST_CALLS} calls`

type Kind = (values: ArgumentValues, path: string) => SuggestedBound | null

/** Null if nothing fits, or too little is known: the reason is told. */
export function boundOf(
  values: ArgumentValues,
  calls: number,
  path: string,
): SuggestedBound | { readonly none: string } {
  if (values.isHidden) return { none: "its values are redacted or cut" }
  if (calls < FEWEST_CALLS) return { none: TOO_FEW }
  if (values.count < calls) return { none: `${calls - values.count} of ${calls} calls did not have it` }
  if (values.types.size !== 1) return { none: "its values have different types" }
  for (const kind of KINDS) {
    const bound = kind(values, path)
    if (bound) return bound
  }
  return { none: "its values have nothing in common" }
}

const quoted = (text: string): string => JSON.stringify(text)

/** Text that stands for itself in a pattern of Cedar and in a string. */
export const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/u.test(text) && !/[*\\"]/u.test(text)

const listed: Kind = ({ values, count, settledAfter, types }, path) => {
  const all = [...values.keys()].toSorted((a, b) => (String(a) < String(b) ? -1 : 1))
  const [first] = all
  const isText = types.has("string")
  if (first === undefined || all.length > MOST_VALUES || settledAfter > count * (1 - SETTLED_SHARE)) return null
  if (!isText && !types.has("boolean")) return null
  if (isText && !all.every((value) => isPlain(String(value)))) return null
  const texts = all.map((value) => (isText ? quoted(String(value)) : String(value)))
  if (!isText && all.length > 1) return null
  const condition = texts.length === 1 ? `${path} == ${texts[0]}` : `[${texts.join(", ")}].contains(${path})`
  const outside = isText ? `not ${String(first)}` : first !== true
  return {
    condition,
    words: texts.length === 1 ? `was ${texts[0]}` : `was one of ${texts.join(", ")}`,
    within: first,
    outside,
    type: isText ? "String" : "Bool",
  }
}

/** Cedar compares whole numbers. */
const range: Kind = ({ min, max, types }, path) => {
  if (!types.has("integer")) return null
  const most = withHeadroom(max)
  const least = min >= 1 ? 1 : min >= 0 ? 0 : -withHeadroom(-min)
  return {
    condition: `${path} >= ${least} && ${path} <= ${most}`,
    words: `was from ${min} to ${max}; up to ${most} leaves ${HEADROOM * 100} % of head-room`,
    within: max,
    outside: most + 1,
    type: "Long",
  }
}

/** Rounded up to two digits. */
export function withHeadroom(value: number): number {
  const wanted = value * (1 + HEADROOM)
  if (wanted <= 1) return value <= 0 ? 0 : 1
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(wanted)) - 1)
  return Math.ceil(wanted / unit) * unit
}

/** One address, not a list that ends in a good one. */
const domain: Kind = ({ domains, prefix, types }, path) => {
  const [only, ...others] = domains
  const isOne = types.has("string") && only !== undefined && others.length === 0 && prefix !== only
  if (!isOne || !/^(?:[a-z0-9-]+\.)+[a-z]{2,}$/u.test(only)) return null
  return {
    condition: `${path} like "*@${only}" && !(${path} like "*@*@*")`,
    words: `was an address at ${only}`,
    within: `somebody@${only}`,
    outside: "somebody@elsewhere.invalid",
    type: "String",
  }
}

/** What goes on behind it may be another host. */
const ENDS_IN_HOST = /^[a-z][a-z0-9+.-]*:\/\/[^/]*$/iu

/** Up to the last separator that all have in common. */
const beginning: Kind = ({ prefix, types }, path) => {
  const common = prefix === null || !types.has("string") ? "" : (/^.*[/:.#_-]/su.exec(prefix)?.[0] ?? "")
  if (common.length < SHORTEST_PREFIX || !isPlain(common) || ENDS_IN_HOST.test(common)) return null
  // A path that leads out of what it begins with would still begin with it.
  const stays = common.includes("/") ? ` && !(${path} like "*..*")` : ""
  return {
    condition: `${path} like ${quoted(`${common}*`)}${stays}`,
    words: `began with ${quoted(common)}`,
    within: `${common}x`,
    outside: `elsewhere/${common}`,
    type: "String",
  }
}

const KINDS: readonly Kind[] = [listed, range, domain, beginning]
