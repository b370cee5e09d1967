/** What a grant allows, in words for people who have never seen a scope. */
import { OTHERS, type ArgumentBound, type ArgumentBounds } from "../catalog/bounds/definition.ts"
import { meaningsOf } from "../catalog/bounds/kinds.ts"
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

/** Each bound once, however many definitions contain it. */
export function boundsInWords(bounds: readonly ArgumentBounds[]): string {
  const words = bounds.flatMap((each) =>
    Object.entries(each).flatMap(([name, bound]) => (name === OTHERS ? [NO_OTHERS] : ofArgument(name, bound))),
  )
  return [...new Set(words)].join("; ")
}

const NO_OTHERS = "it has no other argument"

function ofArgument(named: string, bound: ArgumentBound): readonly string[] {
  const { eq, in: among, min, max, like, max_length: most, optional } = bound
  const name = optional ? `${nameText(named)}, if it is given,` : nameText(named)
  const phrase = (word: string, value: unknown): string => `${name} ${word} ${JSON.stringify(value)}`
  return [
    ...(eq === undefined ? [] : [phrase("is", eq)]),
    ...(among === undefined ? [] : [`${name} is one of ${among.map((value) => JSON.stringify(value)).join(", ")}`]),
    ...(min === undefined ? [] : [phrase("is at least", min)]),
    ...(max === undefined ? [] : [phrase("is at most", max)]),
    ...(like === undefined ? [] : [phrase("is like", like)]),
    ...(most === undefined ? [] : [`${name} is no longer than ${most}`]),
    ...meaningsOf(bound).map(({ kind, definition }) => `${name} ${kind.words(definition)}`),
  ]
}

/** The name of an argument comes from a program and must not read as our own words, so a name that could is quoted. */
export function nameText(name: string): string {
  return /^[\w.[\]-]{1,64}$/.test(name) ? name : JSON.stringify(name)
}
