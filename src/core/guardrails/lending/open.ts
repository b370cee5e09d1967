/**
 * The open blocks of a shared limit: any part of them may be used at any moment, so each counts as a whole. Their
 * holders are asked about blocks that are not settled for a while.
 */
import type { Block } from "./rows.ts"

/** The holder of an open block is asked about it this long after its grant, and again each time its age has doubled. */
const ASK_AFTER_MS = 10_000
/** The longest time between two such requests. */
const ASK_EVERY_MS = 300_000

interface OpenBlock {
  readonly block: Block
  /**
   * Milliseconds since the epoch, when its holder is asked about it. Not stored, because asking sooner after a restart
   * does no harm.
   */
  askAt: number
}

export class OpenBlocks {
  readonly #blocks = new Map<string, OpenBlock>()
  #lent = 0

  constructor(blocks: readonly Block[]) {
    for (const block of blocks) this.add(block)
  }

  get size(): number {
    return this.#blocks.size
  }

  /** The credit of all open blocks. */
  get lent(): number {
    return this.#lent
  }

  /** Milliseconds since the epoch, when the latest block was granted. */
  get lastAt(): number {
    return Math.max(...this.#all().map(({ block }) => block.at))
  }

  /** Milliseconds since the epoch, when a holder must be asked. Infinity if there is none. */
  get askAt(): number {
    return Math.min(...this.#all().map(({ askAt }) => askAt))
  }

  get(id: string): Block | undefined {
    return this.#blocks.get(id)?.block
  }

  add(block: Block): void {
    this.#blocks.set(block.id, { block, askAt: block.at + ASK_AFTER_MS })
    this.#lent += block.granted
  }

  remove({ id, granted }: Block): void {
    this.#blocks.delete(id)
    this.#lent -= granted
  }

  /** @returns the ids of the blocks */
  clear(): readonly string[] {
    const ids = [...this.#blocks.keys()]
    this.#blocks.clear()
    this.#lent = 0
    return ids
  }

  /** Moves all times with the clock. */
  move(by: number): readonly Block[] {
    for (const [id, { block, askAt }] of this.#blocks) {
      this.#blocks.set(id, { block: { ...block, at: block.at + by }, askAt: askAt + by })
    }
    return this.#all().map(({ block }) => block)
  }

  /** Returns the blocks to be asked about, by holder. It does not return them again for a while. */
  overdue(now: number, most: number): ReadonlyMap<string, string[]> {
    const holders = new Map<string, string[]>()
    for (const open of this.#blocks.values()) {
      const { id, holder, at } = open.block
      if (open.askAt > now || (holders.size >= most && !holders.has(holder))) continue
      open.askAt = now + Math.min(Math.max(now - at, ASK_AFTER_MS), ASK_EVERY_MS)
      holders.set(holder, [...(holders.get(holder) ?? []), id])
    }
    return holders
  }

  #all(): readonly OpenBlock[] {
    return [...this.#blocks.values()]
  }
}
