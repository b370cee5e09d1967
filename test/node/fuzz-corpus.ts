/**
 * Inputs that parsers are fuzzed from (test/fuzz/corpus/<parser>/): those that once broke a reader, and those from which
 * hostile ones are best made. A line end that closes a file is not part of the input.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { TestProject } from "vitest/node"

const ROOT = join(import.meta.dirname, "../fuzz/corpus")
/** The short run is the same each time. */
const SEED = 20261127

/** The inputs by the name of their parser. */
export function readCorpus(): Readonly<Record<string, readonly string[]>> {
  const parsers = readdirSync(ROOT).toSorted()
  return Object.fromEntries(parsers.map((parser) => [parser, inputsOf(parser)] as const))
}

function inputsOf(parser: string): readonly string[] {
  const files = readdirSync(join(ROOT, parser)).toSorted()
  return files.map((file) => readFileSync(join(ROOT, parser, file), "utf8").replace(/\n$/, ""))
}

/** `FUZZ_SEED`, or one that no run had before; fast-check names it beside the input that failed. */
export function fuzzSeed(): number {
  const { FUZZ_SEED: seed, PROPERTY_RUNS: runs = "1" } = process.env
  if (seed !== undefined) return Number(seed)
  return Number(runs) > 1 ? Date.now() % 2 ** 31 : SEED
}

export default function provideCorpus(project: TestProject): void {
  const seed = fuzzSeed()
  // A run that breaks off before it says which input it was can be repeated all the same.
  if (seed !== SEED) console.log(`FUZZ_SEED=${seed}`)
  project.provide("fuzz", { corpus: readCorpus(), seed })
}
