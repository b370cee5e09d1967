/**
 * Amounts that guardrails count over sliding spans, in the SQLite of a ledger's object. They are reserved in blocks
 * (core/task/counter-block.ts) that are written before they are used, so that a crash can only have counted too much. A
 * block is valid for a sixteenth of the span, so that one with something left expires like any other.
 */
import { ofRepeats, SLACK } from "../core/guardrails/limit-meter.ts"
import { Cells, type Memory } from "../core/guardrails/memory.ts"
import { OnceLog } from "../core/guardrails/meter/once.ts"
import { precisionOf, SlidingMeter } from "../core/guardrails/meter/sliding.ts"
import { isFirst, spanMsOf, writesFirst, type CountUpdate } from "../core/guardrails/memory-update.ts"
import { STORM } from "../core/guardrails/storm.ts"
import { BLOCKS, ONCE, type BlockRow, type OnceRow } from "./amount-rows.ts"
import { CounterStorage, slackOf } from "./counter-storage.ts"
import { blockSize, longestBlock, Pace, reserveFor } from "../core/task/counter-block.ts"
import { cellKey } from "./cell-key.ts"
import { DUE, type Due } from "./due.ts"
import type { Journal } from "./journal.ts"
import { Sweep } from "./sweep.ts"

/** What is stored of a key. */
interface Block {
  readonly owner: string
  readonly key: string
  readonly pace: Pace
  /** Used, and not used up. */
  used: number
  left: number
  lastUse: number
  /** When it was last written, and how much was used by then; valid for `slackMs` from then on. */
  at: number
  written: number
  /** Whether its row has more blocks than this one. */
  isJoined: boolean
  slackMs: number
  readonly spanMs: number
  /** Its row, and when its first block was used. */
  readonly id: number
  readonly first: number
}

/** Blocks of earlier lives whose last use is written down by the next row, which must stay short. */
const MOST_DATED = 64
/** Blocks that follow one another share a row while they are within this part of the span. */
const ROWS_IN_SPAN = 100

export class AmountStorage {
  readonly #journal: Journal
  readonly #scope: string
  /** Of the row that was written last. */
  #lastId = 0
  #blocks = new Cells<Block>()
  /** Until when calls of an owner may be made once without being written. */
  readonly #once = new Map<string, number>()
  readonly #blockSweep: Sweep<BlockRow>
  readonly #counters: CounterStorage

  constructor(sql: SqlStorage, journal: Journal, scope: string) {
    this.#journal = journal
    this.#scope = scope
    this.#blockSweep = new Sweep<BlockRow>(sql, journal, scope, BLOCKS, (row) => {
      // Another row may have come after it.
      if (this.#blocks.find(row.owner, row.key)?.id === row.id) this.#blocks.drop(row.owner, row.key)
    })
    this.#counters = new CounterStorage(sql, journal, scope)
  }

  load(memory: Memory, wokenAt: number): void {
    this.#loadBlocks(memory, wokenAt)
    this.#counters.load(memory, wokenAt)
  }

  #loadBlocks(memory: Memory, wokenAt: number): void {
    const all = this.#journal.rows<BlockRow>(BLOCKS, { scope: this.#scope })
    this.#lastId = all.reduce((last, { id }) => Math.max(last, id), 0)
    const rows = all.filter(({ at, slack, span }) => at + slack + span > wokenAt)
    let dated = 0
    const uses = rows.flatMap(({ id, owner, key, at, amount, open, slack, span: spanMs }) => {
      const place = { owner, key, spanMs }
      const until = Math.min(at + slack, Math.max(at, wokenAt))
      // Its life is over: a later waking does not make it count longer.
      if (open > 0 && until < at + slack && dated++ < MOST_DATED)
        this.#journal.putLater(BLOCKS, [this.#scope, id, owner, key, at, amount, open, until - at, spanMs])
      return [
        { ...place, at, amount },
        { ...place, at: until, amount: open },
      ].filter((use) => use.amount > 0 && use.at + spanMs > wokenAt)
    })
    const totals = new Map<string, number>()
    for (const use of uses) totals.set(cellKey(use), (totals.get(cellKey(use)) ?? 0) + use.amount)
    const unwritten = this.#loadOnce(memory, wokenAt)
    for (const use of uses.toSorted((a, b) => a.at - b.at)) {
      const { owner, key, at, amount, spanMs } = use
      if (ofRepeats(owner) && totals.get(cellKey(use)) === 1) {
        hideUntil(memory, unwritten, owner, at)
        memory.onceOf(owner).add(key, at, at - spanMs, true)
        continue
      }
      const meter = memory.sliding.find(owner, key) ?? new SlidingMeter()
      meter.admit(amount, at, precisionOf(memory.sliding.many(owner), spanMs))
      memory.sliding.set(owner, key, meter)
    }
    for (const owner of unwritten.keys()) hideUntil(memory, unwritten, owner, Number.POSITIVE_INFINITY)
  }

  /** @returns milliseconds by owner: until then calls were made once that are not written */
  #loadOnce(memory: Memory, wokenAt: number): Map<string, number> {
    const found = new Map<string, number>()
    for (const { owner, at: from, slack, span } of this.#journal.rows<OnceRow>(ONCE, { scope: this.#scope })) {
      const at = Math.min(from + slack, Math.max(from, wokenAt))
      // Fixed now: what this life writes comes, for a later life, after these.
      if (slack > 0) this.#journal.putLater(ONCE, [this.#scope, owner, at, 0, span])
      if (at + span <= wokenAt) continue
      memory.once.set(owner, new OnceLog())
      found.set(owner, at)
    }
    return found
  }

  /** Whether `save` has to be called; what is written already is only used. */
  mustWrite(memory: Memory, note: CountUpdate, now: number, isSlow: boolean): boolean {
    if (isSlow) return true
    if (note.span.kind !== "sliding") return this.#counters.mustWrite(note, now)
    if (isFirst(memory, note, now)) return writesFirst(memory, note, now) || now >= (this.#once.get(note.owner) ?? 0)
    // When a call is repeated for the first time, the call before it is written too.
    if (note.repeats !== null && !memory.sliding.find(note.owner, note.key)) return true
    return this.#creditFor(note, now) < note.amount
  }

  /**
   * When what `save` writes has to be durable. It may be late where an earlier row has reserved it: a waking counts as
   * used what that row has.
   */
  due(note: CountUpdate, now: number): Due {
    if (reserveFor(note) === 0) return DUE.before
    const isReserved =
      note.span.kind === "sliding" ? this.#creditFor(note, now) >= note.amount : !this.#counters.mustWrite(note, now)
    return isReserved ? DUE.late : DUE.reserving
  }

  /**
   * @param memory as it is before the update is applied
   * @param reserves whether the next one may be used before it is written
   */
  save(memory: Memory, note: CountUpdate, now: number, isSlow: boolean, reserves: boolean): void {
    const reserve = isSlow && reserves ? reserveFor(note) : 0
    if (note.span.kind !== "sliding") this.#counters.save(memory, note, now, reserve)
    else if (isFirst(memory, note, now) && !writesFirst(memory, note, now)) this.#saveOnce(note, now, isSlow)
    else {
      this.#spendSliding(memory, note, now, reserve)
      this.#blockSweep.wrote(now)
    }
  }

  #creditFor({ owner, key, span }: CountUpdate, now: number): number {
    const open = this.#blocks.find(owner, key)
    return !open || now >= open.at + open.slackMs || open.spanMs !== spanMsOf(span) ? 0 : open.left
  }

  /** Uses what is written already. */
  use(memory: Memory, note: CountUpdate, now: number): void {
    if (note.span.kind !== "sliding") return this.#counters.use(note, now)
    const open = this.#blocks.find(note.owner, note.key)
    if (open && !isFirst(memory, note, now)) use(open, note.amount, now)
  }

  #saveOnce({ owner, span }: CountUpdate, now: number, isSlow: boolean): void {
    const slack = isSlow ? 0 : slackOf(span)
    this.#journal.put(ONCE, [this.#scope, owner, now, slack, spanMsOf(span)])
    this.#once.set(owner, now + slack)
  }

  #spendSliding(memory: Memory, note: CountUpdate, now: number, reserve: number): void {
    const { owner, key, amount, limit, span, repeats } = note
    const spanMs = spanMsOf(span) ?? 0
    const slackMs = slackOf(span, reserve > 0)
    const insert = (at: number, used: number, open: number): number => {
      const values = [this.#scope, ++this.#lastId, owner, key, at, used, open, open > 0 ? slackMs : 0, spanMs]
      this.#journal.put(BLOCKS, values)
      return this.#lastId
    }
    const isSecond = repeats !== null && !memory.sliding.find(owner, key) && !isFirst(memory, note, now)
    if (isSecond) {
      // The first block may not be written, nor how often the call may have been made besides.
      const once = memory.onceOf(owner)
      const isHidden = repeats === "unwritten" || now < (this.#once.get(owner) ?? 0) + spanMs
      const times = once.timesOf(key, now - spanMs)
      const own = once.isWritten(key, now - spanMs) ? 0 : 1
      const before = (isHidden ? times.length - 1 : 0) + own
      if (before > 0) insert(times.at(-1) ?? now, before, 0)
    }
    const existing = this.#blocks.find(owner, key)
    // Its row may be gone.
    const isOver = existing && (existing.spanMs !== spanMs || existing.lastUse + spanMs <= now)
    const open = isSecond || isOver ? undefined : existing
    const pace = existing?.pace ?? new Pace()
    const most = longestBlock(limit, 0)
    if (open && most > 1 && now - open.first < spanMs / ROWS_IN_SPAN) {
      use(open, amount, now)
      open.left = Math.max(amount, blockSize(most, pace, now)) - amount + reserve
      open.slackMs = slackMs
      open.isJoined = true
      return this.#update(open, now, open.left)
    }
    if (existing) this.#close(existing)
    pace.use(amount, now)
    const left = Math.max(amount, blockSize(most, pace, now)) - amount + reserve
    const id = insert(now, amount, left)
    // A block that is used up as it is written has an exact time.
    if (most === 1 && left === 0) this.#blocks.drop(owner, key)
    else {
      const times = { lastUse: now, at: now, first: now, slackMs, spanMs }
      const used = { used: amount, written: amount, left, isJoined: false }
      this.#blocks.set(owner, key, { id, owner, key, pace, ...used, ...times })
    }
  }

  #update(block: Block, at: number, open: number): void {
    block.at = at
    block.written = block.used
    this.#put(block, block.id, at, block.used, open)
  }

  #put({ owner, key, slackMs, spanMs }: Block, id: number, at: number, amount: number, open: number): void {
    this.#journal.put(BLOCKS, [this.#scope, id, owner, key, at, amount, open, open > 0 ? slackMs : 0, spanMs])
  }

  /** Nothing more of it is used. */
  #close(block: Block): void {
    const { id, used, at, written, lastUse, first, spanMs, isJoined } = block
    if (used > written && lastUse - first >= spanMs / (isJoined ? ROWS_IN_SPAN : SLACK)) {
      // What was used before was used within a hundredth of the span, or at once: it counts no longer because of it.
      this.#put(block, ++this.#lastId, lastUse, used - written, 0)
      this.#put(block, id, at, written, 0)
      block.at = lastUse
      block.written = used
    } else if (block.left > 0 || used > written) this.#update(block, lastUse, 0)
    block.left = 0
  }

  /** An operator has released the task: what it was denied before does not count against it. */
  forgetStorms(memory: Memory, task: string): void {
    for (const [owner, key] of memory.sliding) {
      if (!owner.endsWith(STORM) || (key !== task && key !== "")) continue
      memory.sliding.drop(owner, key)
      this.#blocks.drop(owner, key)
      this.#journal.clear(BLOCKS, { scope: this.#scope, owner, key })
    }
  }

  forget(): void {
    for (const table of [BLOCKS, ONCE]) this.#journal.clear(table, { scope: this.#scope })
    this.#blocks = new Cells()
    this.#once.clear()
    this.#counters.forget()
  }
}

/** Calls that were made until then, and are not written, were unknown when a later call was made. */
function hideUntil(memory: Memory, unwritten: Map<string, number>, owner: string, until: number): void {
  const at = unwritten.get(owner)
  if (at === undefined || at > until) return
  memory.onceOf(owner).hide(at)
  unwritten.delete(owner)
}

function use(block: Block, amount: number, now: number): void {
  block.pace.use(amount, now)
  block.used += amount
  block.left -= amount
  block.lastUse = now
}
