/** What a benchmark is. One file each under benchmarks/, one line each in benchmarks.ts. */
import type { Lab } from "./lab.ts"

export interface Benchmark {
  /** Stable: `--only` and those who follow the figures over time know it by this. */
  readonly name: string
  /** What `value` is, in one line. */
  readonly question: string
  readonly unit: string
  /** The value must be at least this; null: told, but nothing is asked of it. */
  readonly target: number | null
  /** Why it cannot be run on this machine, where something is not installed that is no dependency; null: it can. */
  readonly missing?: () => string | null
  run(lab: Lab): Promise<Measured>
}

export interface Measured {
  readonly value: number
  /** What was measured on the way, in absolute terms; they hold for this machine and this run only. */
  readonly sides: readonly SideFigures[]
}

export interface SideFigures {
  readonly name: string
  /** Answers a second: median over the rounds, and the least and the most of them. */
  readonly rate: { readonly median: number; readonly least: number; readonly most: number }
  /** Microseconds of the processor for one answer, mean of the lowest quarter of the rounds; of two servers only. */
  readonly cpu?: number
  /** Milliseconds, median over the rounds. */
  readonly p50: number
  /** The same, of an open loop only. */
  readonly p99?: number
}

/** Something was not as it must be for the figures to mean anything. */
export class GuardTripped extends Error {
  override readonly name = "GuardTripped"
}

export function guard(holds: boolean, what: string): asserts holds {
  if (!holds) throw new GuardTripped(what)
}
