/** The checkpoints that the files have and the deployment has signed. */
import { base64ToBytes } from "../encoding/base64.ts"
import { originOf, readCheckpoint, type SignedNote } from "./checkpoint.ts"
import type { CheckpointLine } from "./exported.ts"
import type { NewestCheckpoint, Report } from "./findings.ts"
import type { StatedLog } from "./log-statement.ts"
import { rootOfGrowth, type TreeGrowth } from "./growing-tree.ts"
import { isSame, type Hash } from "./merkle.ts"

/** @returns whether a key of the deployment has signed it under this name */
export type CheckSignature = (name: string, note: SignedNote) => Promise<boolean>

export interface KnownCheckpoint {
  readonly root: Hash
  /** The tree that has this root. Null if its line does not say it. */
  readonly tree: TreeGrowth | null
}

interface PlacedCheckpoint extends NewestCheckpoint {
  readonly file: string
  readonly line: number
}

/** By log and size. */
export class SignedCheckpoints {
  readonly #issuer: string
  readonly #isSigned: CheckSignature
  readonly #report: Report
  readonly #known = new Map<string, KnownCheckpoint>()
  readonly #newest = new Map<string, PlacedCheckpoint>()
  readonly #until = new Map<string, number>()

  constructor(issuer: string, isSigned: CheckSignature, report: Report) {
    this.#issuer = issuer
    this.#isSigned = isSigned
    this.#report = report
  }

  get count(): number {
    return this.#known.size
  }

  at(log: string, size: number): KnownCheckpoint | undefined {
    return this.#known.get(`${log} ${size}`)
  }

  /** Of each log the one that covers the most. */
  get newest(): ReadonlyMap<string, PlacedCheckpoint> {
    return this.#newest
  }

  async add({ log, size, at, note, frontier }: CheckpointLine, file: string, line: number): Promise<void> {
    const what = `the checkpoint of ${log} at ${size}`
    const signed = readCheckpoint(note)
    if (!signed || signed.checkpoint.size !== size) return this.#report("malformed", file, line, what)
    const { origin, root } = signed.checkpoint
    if (origin !== originOf(this.#issuer, log)) return this.#report("foreign", file, line, `${what} is of ${origin}`)
    if (!(await this.#isSigned(origin, signed))) {
      return this.#report("unsigned", file, line, `${what} is not signed by a key of the deployment`)
    }
    const before = this.at(log, size)
    if (before && !isSame(before.root, root)) {
      return this.#report("contradicting", file, line, `${what} contradicts another one of the same size`)
    }
    const tree = frontier ? treeOf(size, frontier) : null
    const isOfRoot = tree !== null && isSame(rootOfGrowth(tree), root)
    if (tree && !isOfRoot) this.#report("malformed", file, line, `${what} has another frontier than its root`)
    this.#known.set(`${log} ${size}`, { root, tree: isOfRoot ? tree : (before?.tree ?? null) })
    if (size > (this.#newest.get(log)?.size ?? -1)) this.#newest.set(log, { size, root, at: at ?? null, file, line })
  }

  /** Logs of a statement whose signature is verified. */
  state(logs: readonly StatedLog[], file: string, line: number): void {
    for (const { log, size, root, until } of logs) {
      this.#until.set(log, Math.max(until, this.#until.get(log) ?? 0))
      if (size === 0) continue
      const before = this.at(log, size)
      if (before && !isSame(before.root, root)) {
        const what = `the statement of ${log} at ${size} contradicts a checkpoint of the same size`
        this.#report("contradicting", file, line, what)
      }
      this.#known.set(`${log} ${size}`, before ?? { root, tree: null })
      if (size > (this.#newest.get(log)?.size ?? -1)) this.#newest.set(log, { size, root, at: until, file, line })
    }
  }

  /** Milliseconds since the epoch. Null if no statement has this log. */
  until(log: string): number | null {
    return this.#until.get(log) ?? null
  }
}

export const treeOf = (size: number, frontier: readonly string[]): TreeGrowth => ({
  size,
  frontier: frontier.flatMap((hash) => [base64ToBytes(hash) ?? new Uint8Array()]),
})
