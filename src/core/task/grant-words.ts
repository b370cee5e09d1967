/** What a grant allows, in words for people who have never seen a scope. */
import { OTHERS, type ArgumentBounds } from "../catalog/bounds/definition.ts"
import { BOUND_KINDS } from "../catalog/bounds/kinds.ts"
import type { BoundKind } from "../catalog/bounds/kind.ts"
import { isObject } from "../encoding/json.ts"
import type { Action, Sensitivity } from "../catalog/tool.ts"

/** In the order of the page, the least powerful first. */
export const ACTION_WORDS: Readonly<Record<Action, string>> = { read: "read", write: "change", execute: "run" }

export const SENSITIVITY_WORDS: Readonly<Record<Sensitivity, string>> = {
  public: "public",
  internal: "internal",
  confidential: "confidential",
  restricted: "highly sensitive",
}

const MINUTE_MS = 60_000

/** Rounded up: fewer than the actual minutes would deceive the reader. */
export function lifeInWords(milliseconds: number): string {
  if (milliseconds < MINUTE_MS) return counted(Math.ceil(milliseconds / 1_000), "second")
  const all = Math.ceil(milliseconds / MINUTE_MS)
  const [hours, minutes] = [Math.floor(all / 60), all % 60]
  if (hours === 0) return counted(minutes, "minute")
  return minutes === 0 ? counted(hours, "hour") : `${counted(hours, "hour")} and ${counted(minutes, "minute")}`
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

export function callsInWords(calls: number | null): string {
  return calls === null ? "any number of calls" : `at most ${counted(calls, "call")}`
}

/** Of a task that goes on after the session. */
export const OFFLINE_IN_WORDS =
  "It goes on after you have signed out. It ends earlier if your account is suspended or your sessions are revoked."

/** Each bound once, however many definitions contain it. */
export function boundsInWords(bounds: readonly ArgumentBounds[]): string {
  const words = bounds.flatMap((each) =>
    Object.entries(each).flatMap(([name, bound]) => (name === OTHERS ? [NO_OTHERS] : ofArgument(name, bound, false))),
  )
  return [...new Set(words)].join("; ")
}

const NO_OTHERS = "it has no other argument"

function ofArgument(name: string, bound: object, isWhole: boolean): readonly string[] {
  const { optional, ...kinds } = { optional: false, ...bound }
  // Where others are refused, it is named so that it may be given.
  if (Object.keys(kinds).length === 0) return [`${nameText(name)} may have any value`]
  const subject = optional ? `${nameText(name)}, if it is given,` : nameText(name)
  return Object.entries<unknown>(kinds)
    .flatMap(([kind, definition]) => phrasesOf(kind, definition, isWhole))
    .map((phrase) => `${subject} ${phrase}`)
}

/**
 * One bound of an argument, as the API shows it: several as one, some with their values hidden.
 * @param name of the argument
 */
export const boundInWords = (name: string, bound: object): string => ofArgument(name, bound, true).join("; ")

type AnyKind = BoundKind<unknown, unknown>
const KINDS: ReadonlyMap<string, AnyKind> = new Map(Object.entries<AnyKind>(BOUND_KINDS))

const VERBS: ReadonlyMap<string, string> = new Map([
  ["eq", "is"],
  ["min", "is at least"],
  ["max", "is at most"],
  ["like", "is like"],
  ["max_length", "is no longer than"],
])

/**
 * What has no words is shown as it is written.
 * @param isWhole so is what words do not say whole
 */
function phrasesOf(name: string, definition: unknown, isWhole: boolean): readonly string[] {
  if (name === "like" && Array.isArray(definition)) return definition.flatMap((each) => phrasesOf(name, each, isWhole))
  if (name === "in" && Array.isArray(definition)) return [oneOf(definition)]
  const verb = VERBS.get(name)
  if (verb !== undefined) return [`${verb} ${JSON.stringify(definition)}`]
  const kind = KINDS.get(name)
  if (kind && isObject(definition) && Array.isArray(definition["all"]) && Object.keys(definition).length === 1)
    return definition["all"].flatMap((each) => phrasesOf(name, each, isWhole))
  const written = JSON.stringify(definition)
  const read = kind?.definition.safeParse(definition)
  if (!kind || !read?.success) return [`is within ${nameText(name)} ${written}`]
  return [kind.isLong && isWhole ? `${kind.words(read.data)}: ${written}` : kind.words(read.data)]
}

const oneOf = (values: readonly unknown[]): string =>
  values.length === 0
    ? "has no value that is allowed"
    : `is one of ${values.map((value) => JSON.stringify(value)).join(", ")}`

/** The name of an argument comes from a program and must not read as our own words, so a name that could is quoted. */
export function nameText(name: string): string {
  return /^[\w.[\]-]{1,64}$/.test(name) ? name : JSON.stringify(name)
}
