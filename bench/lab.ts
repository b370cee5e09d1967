/** What a run of the bench gives to each benchmark: a directory, built Workers, the load generator, and how long to measure. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Load } from "./load/load.ts"

export interface Pace {
  readonly rounds: number
  /** Milliseconds of load on each side, each round. */
  readonly round: number
  /** Milliseconds of load on each side beforehand, until the code is compiled and the caches are full. */
  readonly warmUp: number
}

export const PACES = {
  full: { rounds: 9, round: 3_000, warmUp: 4_000 },
  quick: { rounds: 5, round: 1_000, warmUp: 2_000 },
} as const satisfies Record<string, Pace>

export class Lab implements AsyncDisposable {
  readonly directory: string
  readonly pace: Pace
  readonly load = new Load()
  readonly #say: (what: string) => void
  #directories = 0

  private constructor(directory: string, pace: Pace, say: (what: string) => void) {
    this.directory = directory
    this.pace = pace
    this.#say = say
  }

  static async open(pace: Pace, say: (what: string) => void): Promise<Lab> {
    return new Lab(await mkdtemp(join(tmpdir(), "narrowgate-bench-")), pace, say)
  }

  /** A path of its own for what is being started; nothing is there yet. */
  place(name: string): string {
    return join(this.directory, `${++this.#directories}-${name}`)
  }

  /** Progress, for whoever waits. */
  say(what: string): void {
    this.#say(what)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}
