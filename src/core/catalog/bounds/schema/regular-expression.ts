/**
 * Regular expressions in linear time: an automaton that is in all of its states at once (Thompson, 1968), so that no
 * pattern and no text make it try again. What it accepts is ECMAScript's syntax (flag `u`) without what no automaton
 * knows: look-around, references back, boundaries of words.
 */
import type { Work } from "../../../encoding/work.ts"

type Instruction =
  | { readonly kind: "character"; readonly matches: (character: string) => boolean }
  | { readonly kind: "either"; readonly to: readonly number[] }
  | { readonly kind: "assert"; readonly end: "start" | "end" }
  | { readonly kind: "match" }

export type Automaton = readonly Instruction[]

export class PatternFault extends Error {}

/** `(a{1000}){1000}` would have a million. */
const MOST_INSTRUCTIONS = 1_000

/** Throws PatternFault. */
export function automatonOf(pattern: string): Automaton {
  try {
    // oxlint-disable-next-line no-new -- only whether it is written as ECMAScript has it
    new RegExp(pattern, "u")
  } catch {
    throw new PatternFault("it is no regular expression of ECMAScript with the flag `u`")
  }
  const automaton: Instruction[] = []
  new Parser(pattern).alternatives().appendTo(automaton)
  return [...automaton, { kind: "match" }]
}

/** Whether some part of the text matches: at most the instructions of the pattern for each of its characters. */
export function isFoundIn(automaton: Automaton, text: string, work: Work): boolean {
  /** At which character each state was reached last. */
  const reachedAt = new Int32Array(automaton.length).fill(-1)
  let states: readonly number[] = []
  let nth = 0
  for (let place = 0; ; nth += 1) {
    const isEnd = place >= text.length
    const reached = reach(automaton, states, nth, isEnd, reachedAt)
    work.take(UNITS_OF_CHARACTER + reached.length * UNITS_OF_STATE)
    const character = isEnd ? "" : String.fromCodePoint(text.codePointAt(place) ?? 0)
    const next: number[] = []
    for (const state of reached) {
      const instruction = automaton[state]
      if (instruction?.kind === "match") return true
      if (!isEnd && instruction?.kind === "character" && instruction.matches(character)) next.push(state + 1)
    }
    if (isEnd) return false
    states = next
    place += character.length
  }
}
/** Units of a character, and of each state that it reaches (core/encoding/work.ts). */
const UNITS_OF_CHARACTER = 20
const UNITS_OF_STATE = 6

/** The states, the first one, since a match may begin anywhere, and all that these lead to without a character. */
function reach(
  automaton: Automaton,
  states: readonly number[],
  nth: number,
  isEnd: boolean,
  reachedAt: Int32Array,
): readonly number[] {
  const reached: number[] = []
  const waiting = [0, ...states]
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    if (reachedAt[state] === nth) continue
    reachedAt[state] = nth
    reached.push(state)
    const instruction = automaton[state]
    if (instruction?.kind === "either") waiting.push(...instruction.to)
    else if (instruction?.kind === "assert" && (instruction.end === "start" ? nth === 0 : isEnd))
      waiting.push(state + 1)
  }
  return reached
}

/** A part of an automaton. */
interface Part {
  readonly size: number
  /** Its instructions depend on the place where they begin. Appended, because to copy parts into parts takes the square. */
  readonly appendTo: (all: Instruction[]) => void
}

const NOTHING: Part = { size: 0, appendTo: () => undefined }
const single = (instruction: Instruction): Part => part(1, (all) => void all.push(instruction))

function part(size: number, appendTo: Part["appendTo"]): Part {
  if (size > MOST_INSTRUCTIONS) throw new PatternFault(`it is longer than ${MOST_INSTRUCTIONS} steps`)
  return { size, appendTo }
}

const sequence = (one: Part, other: Part): Part =>
  one.size === 0
    ? other
    : part(one.size + other.size, (all) => {
        one.appendTo(all)
        other.appendTo(all)
      })

/** The first one leads behind the second by a state of its own. */
const either = (one: Part, other: Part): Part =>
  part(one.size + other.size + 2, (all) => {
    all.push({ kind: "either", to: [all.length + 1, all.length + one.size + 2] })
    one.appendTo(all)
    all.push({ kind: "either", to: [all.length + other.size + 1] })
    other.appendTo(all)
  })

const optional = (one: Part): Part =>
  part(one.size + 1, (all) => {
    all.push({ kind: "either", to: [all.length + 1, all.length + one.size + 1] })
    one.appendTo(all)
  })

const repeated = (one: Part): Part =>
  part(one.size + 2, (all) => {
    const at = all.length
    all.push({ kind: "either", to: [at + 1, at + one.size + 2] })
    one.appendTo(all)
    all.push({ kind: "either", to: [at] })
  })

/** What stands for one character, apart from a literal: a class, an escape, a dot. */
const CLASS =
  /\[(?:\\.|[^\]\\])*\]|\\(?:[pP]\{[^}]*\}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|[^1-9bBk])|\./suy
const REPETITION = /(?:([*+?])|\{(\d+)(?:(,)(\d+)?)?\})\??/y
/** The parser calls itself for each group. */
const DEEPEST = 32

class Parser {
  readonly #pattern: string
  #place = 0
  #depth = 0

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  alternatives(): Part {
    let all = this.#terms()
    while (this.#take("|")) all = either(all, this.#terms())
    return all
  }

  #terms(): Part {
    let all = NOTHING
    while (this.#place < this.#pattern.length && !this.#isAt("|") && !this.#isAt(")")) {
      all = sequence(all, this.#repetition(this.#atom()))
    }
    return all
  }

  #atom(): Part {
    if (this.#take("^")) return single({ kind: "assert", end: "start" })
    if (this.#take("$")) return single({ kind: "assert", end: "end" })
    if (this.#take("(")) return this.#group()
    const written = this.#match(CLASS)?.[0]
    if (written !== undefined) {
      const one = new RegExp(`^(?:${written})$`, "u")
      return single({ kind: "character", matches: (character) => one.test(character) })
    }
    const literal = String.fromCodePoint(this.#pattern.codePointAt(this.#place) ?? 0)
    if (literal === "\\") throw new PatternFault("it refers back, or to the boundary of a word")
    this.#place += literal.length
    return single({ kind: "character", matches: (character) => character === literal })
  }

  #group(): Part {
    if (this.#isAt("?") && !this.#take("?:"))
      throw new PatternFault("it has a group that no automaton knows, such as `(?=`")
    if (++this.#depth > DEEPEST) throw new PatternFault("it nests too deep")
    const inner = this.alternatives()
    this.#take(")")
    this.#depth -= 1
    return inner
  }

  #repetition(one: Part): Part {
    const found = this.#match(REPETITION)
    if (!found) return one
    const [, sign, least = "0", comma, most] = found
    if (sign === "*") return repeated(one)
    if (sign === "+") return sequence(one, repeated(one))
    if (sign === "?") return optional(one)
    const times = Number(least)
    if (Math.max(one.size, 1) * Math.max(times, Number(most ?? 0)) > MOST_INSTRUCTIONS)
      throw new PatternFault(`it is longer than ${MOST_INSTRUCTIONS} steps`)
    const required = Array.from({ length: times }, () => one).reduce(sequence, NOTHING)
    if (comma === undefined) return required
    if (most === undefined) return sequence(required, repeated(one))
    const further = Array.from({ length: Number(most) - times }, () => one)
    return sequence(
      required,
      further.reduce((rest) => optional(sequence(one, rest)), NOTHING),
    )
  }

  #isAt(text: string): boolean {
    return this.#pattern.startsWith(text, this.#place)
  }

  #take(text: string): boolean {
    const isThere = this.#isAt(text)
    if (isThere) this.#place += text.length
    return isThere
  }

  #match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#place
    const found = expression.exec(this.#pattern)
    if (found) this.#place = expression.lastIndex
    return found
  }
}
