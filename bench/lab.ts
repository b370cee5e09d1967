/**
 * What a run of the bench gives to each benchmark: a directory, built Workers, the load generator, and how long to
 * measure.
 */
import { existsSync, rmSync } from "node:fs"
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { Load } from "./load/load.ts"

const MEMORY = "/dev/shm"

export interface Pace {
  readonly rounds: number
  /** Milliseconds of load on each side, each round. */
  readonly round: number
  /** Milliseconds of load on each side beforehand, until the code is compiled and the caches are full. */
  readonly warmUp: number
  /** Cold starts of each side, where these are what is measured. */
  readonly starts: number
}

export const PACES = {
  // Short rounds and many of them: what else the machine does comes and goes in seconds.
  full: { rounds: 18, round: 1_500, warmUp: 4_000, starts: 15 },
  quick: { rounds: 8, round: 250, warmUp: 1_200, starts: 5 },
} as const satisfies Record<string, Pace>

export class Lab implements AsyncDisposable {
  readonly directory: string
  readonly pace: Pace
  readonly load = new Load()
  readonly #say: (what: string) => void
  readonly #made = new Map<string, Promise<string>>()
  #directories = 0
  readonly #inMemory: string[] = []
  /** Synchronous: a run that is interrupted leaves nothing behind either. */
  readonly #remove = (): void => {
    for (const path of [this.directory, ...this.#inMemory])
      rmSync(path, { recursive: true, force: true, maxRetries: 3 })
  }

  private constructor(directory: string, pace: Pace, say: (what: string) => void) {
    this.directory = directory
    this.pace = pace
    this.#say = say
    process.once("exit", this.#remove)
  }

  static async open(pace: Pace, say: (what: string) => void): Promise<Lab> {
    return new Lab(await mkdtemp(join(tmpdir(), "narrowgate-bench-")), pace, say)
  }

  /** A path of its own for what is being started; nothing is there yet. */
  place(name: string): string {
    return join(this.directory, `${++this.#directories}-${name}`)
  }

  /**
   * The same in memory, where the system has a file system for that: for what is held against somebody who writes
   * nothing.
   */
  placeInMemory(name: string): string {
    const base = existsSync(MEMORY) ? MEMORY : this.directory
    const path = join(base, `${basename(this.directory)}-${++this.#directories}-${name}`)
    this.#inMemory.push(path)
    return path
  }

  /** Made once for the whole run: Workers are built once, not for each benchmark. */
  once(name: string, make: () => Promise<string>): Promise<string> {
    const made = this.#made.get(name) ?? make()
    this.#made.set(name, made)
    return made
  }

  /** Progress, for the person who waits. */
  say(what: string): void {
    this.#say(what)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.load[Symbol.asyncDispose]()
    process.off("exit", this.#remove)
    this.#remove()
  }
}
