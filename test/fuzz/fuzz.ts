/**
 * One parser under hostile inputs: each is made from good ones and from the corpus, and of each it is checked what must
 * hold. A failing input, as fast-check prints it, becomes a file of the corpus, and so a test that is run each time.
 */
import fc from "fast-check"
import { expect, inject } from "vitest"
import { longerBy, runsOf } from "../harness/runs.ts"
import { mutatedJson } from "./json-tree.ts"
import { mutated } from "./mutation.ts"

export interface Target {
  /** Folder of its corpus. */
  readonly parser: string
  /** Inputs that it reads. */
  readonly seeds: readonly string[]
  /** Tokens, or names of members, that mean something in its language. */
  readonly words: readonly string[]
  /** JSON, whose structure is changed as well as its text. */
  readonly json?: boolean
  /** How many inputs the short run makes. */
  readonly runs: number
  /**
   * Throws unless everything that must hold of the input does.
   * @returns whether it was accepted
   */
  readonly check: (input: string) => boolean | Promise<boolean>
}

/** Inputs for a parser: its corpus and its seeds, changed. */
export function hostile({ parser, seeds, words, json = false }: Pick<Target, "parser" | "seeds" | "words" | "json">): {
  readonly arbitrary: fc.Arbitrary<string>
  readonly known: readonly string[]
} {
  const known = [...seeds, ...(inject("fuzz").corpus[parser] ?? [])]
  const text = mutated(known, words)
  const arbitrary = json ? fc.oneof(mutatedJson(known, words), mutatedJson(known, words), text) : text
  // Half a character comes in an escape, never as it is: bytes that are no UTF-8 are refused before they are a text.
  return { known, arbitrary: arbitrary.map((input) => input.toWellFormed()) }
}

export async function fuzz(target: Target): Promise<void> {
  const { arbitrary, known } = hostile(target)
  let accepted = 0
  let inputs = 0
  const numRuns = runsOf(target.runs)
  const property = fc.asyncProperty(arbitrary, async (input) => {
    inputs += 1
    if (await target.check(input)) accepted += 1
  })
  await holds(property, numRuns + known.length, known)
  // Of a parser that takes everything, or nothing, the checks would say little.
  expect(accepted, "no input was accepted").toBeGreaterThan(0)
  expect(accepted, "no input was refused").toBeLessThan(inputs)
}

/** @param examples tried first */
export async function holds<Input>(
  property: fc.IAsyncProperty<[Input]>,
  numRuns: number,
  examples: readonly Input[] = [],
): Promise<void> {
  const details = await fc.check(property, {
    seed: inject("fuzz").seed,
    numRuns,
    examples: examples.map((input) => [input]),
  })
  if (!details.failed) return
  // Half a character in a failing input would break off the report: no text frame can carry it.
  const { errorInstance: why, counterexample, seed } = details
  const reason = why instanceof Error ? (why.stack ?? why.message) : String(why)
  throw new Error(`${fc.stringify(counterexample)}\nFUZZ_SEED=${seed}\n${reason}`.toWellFormed())
}

/** Milliseconds that a test of one parser may take. */
export const FUZZ_TIMEOUT = longerBy(30_000)
