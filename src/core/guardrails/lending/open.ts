/**
 * Blocks of a shared limit that are open: any of them may be used this very moment, so all of each counts. Their
 * holders are asked about them, where they say nothing for a while.
 */
import type { Block } from "./rows.ts"

/** An open block is asked about so long after its grant, and again whenever it has become twice as old … */
const ASK_AFTER_MS = 10_000
/** … or at least so often. */
const ASK_EVERY_MS = 300_000

interface OpenBlock {
  readonly block: Block
  /** Milliseconds: when its holder is asked about it. Not stored: asked sooner after a wake does no harm. */
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

  /** In all of them. */
  get lent(): number {
    return this.#lent
  }

  /** Milliseconds: when the latest was granted. */
  get lastAt(): number {
    return Math.max(...this.#all().map(({ block }) => block.at))
  }

  /** Milliseconds: when somebody has to be asked; infinity: there are none. */
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

  /** @returns their ids */
  clear(): readonly string[] {
    const ids = [...this.#blocks.keys()]
    this.#blocks.clear()
    this.#lent = 0
    return ids
  }

  /** By holder, those that it is time to ask about; they are not named again for another while. */
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
