/**
 * The store of decision records: a few Durable Objects (record-logs.ts says which), each an ordered log that only grows.
 * A batch is stored as it came. Within a minute its records get their positions, once each, however often the batch was
 * sent; from then on they can be read in order, by sinks, and are in the log's Merkle tree.
 */
import { nativeHash } from "../platform/builtins.ts"
import { StoredObject } from "../platform/storage/stored-object.ts"
import type { HistoryKey } from "../core/guardrails/history-key.ts"
import { bytesToBase64 } from "../core/encoding/base64.ts"
import { fits } from "../core/encoding/bytes.ts"
import type { Counts } from "../core/metrics/counts.ts"
import { inclusionPath } from "../core/proof/merkle.ts"
import type { StoredRecord } from "../core/record/record.ts"
import type { RecordQuery } from "./record-query.ts"
import {
  LogQueries,
  MAX_RECORDS,
  type AgentRow,
  type ListedRecords,
  type RateRow,
  type SearchResult,
  type ToolRow,
} from "./log-queries.ts"
import type { LogCheckpoint, LogPage, LogReach, LogStart, LogState, ProvenRecord } from "./log-page.ts"
import { eraseInSegment, segmentsWith, type ErasedRecords } from "./log-erasure.ts"
import { LogCheckpoints } from "./log-checkpoints.ts"
import { streamLines, type LogLines } from "./log-lines.ts"
import { configOf } from "../platform/config.ts"
import { Segments } from "./log-segments.ts"
import { LogSinks, MAX_LOG_BYTES } from "./log-sinks.ts"
import { RecordCounters } from "./record-counters.ts"
import { waitingSince } from "./waiting-since.ts"

/**
 * A batch is one row, and a deployed object accepts no row of more than 2 MB, while a local one accepts any. Half of
 * that, because the row of a single record repeats parts of it (#unpack).
 */
export const MAX_BATCH_BYTES = 1_000_000

/** The result for a batch: one that is `too_long` is not stored, and never will be. */
export type Taken = "kept" | "too_long"

/** Records get their positions so long after the first of them has come … */
export const SEAL_AFTER_MS = 60_000
/** … or at once, if so many wait. */
const SEAL_AT = 2_000

export interface LogCounts {
  readonly waiting: number
  readonly counts: Counts
}

export class RecordLog extends StoredObject {
  readonly #segments: Segments
  readonly #queries: LogQueries
  readonly #sinks: LogSinks
  readonly #checkpoints: LogCheckpoints
  readonly #counters: RecordCounters
  #isSealDue = false

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "RecordLog")
    this.#segments = new Segments(ctx.storage)
    this.#queries = new LogQueries(ctx.storage, this.#segments)
    this.#sinks = new LogSinks(ctx.storage, this.#segments)
    this.#checkpoints = new LogCheckpoints(ctx.storage, this.#segments, ctx.id.name)
    this.#counters = new RecordCounters(ctx.storage.sql)
  }

  /** @param batch as `batchOf` makes it */
  async append(count: number, batch: string): Promise<Taken> {
    if (!fits(batch, MAX_BATCH_BYTES)) return "too_long"
    // With the batch in one write: as long as records wait there is an alarm.
    if (this.#segments.unsealed === 0) this.#sealAt(Date.now() + SEAL_AFTER_MS)
    this.#segments.append(count, batch)
    this.#segments.dropUnsealed(MAX_RECORDS)
    if (this.#segments.unsealed >= SEAL_AT && !this.#isSealDue) {
      this.#isSealDue = true
      this.#sealAt(Date.now())
    }
    return "kept"
  }

  #sealAt(at: number): void {
    this.ctx.waitUntil(this.ctx.storage.setAlarm(at))
  }

  protected override async onAlarm(): Promise<void> {
    await this.seal()
    // What has come meanwhile has seen others wait, and set no alarm.
    if (this.#segments.unsealed > 0) this.#sealAt(Date.now() + SEAL_AFTER_MS)
    await this.#checkpoint()
  }

  /** Signs a checkpoint of what has positions, or has an alarm do so when it is due. */
  async #checkpoint(): Promise<void> {
    const now = Date.now()
    const dueAt = this.#checkpoints.dueAt(now)
    if (dueAt === null) return
    const isSigned = dueAt <= now && (await this.#checkpoints.sign(this.env, (work) => this.ctx.waitUntil(work)))
    if (isSigned) this.ctx.waitUntil(this.#wakeExporters())
    else this.#sealAt(Math.max(dueAt, now + 1_000))
  }

  /** Gives all records that wait now their positions, some at a time: writes of others come in between. */
  async seal(): Promise<void> {
    this.#isSealDue = false
    const { newest, end } = this.#segments
    while (this.#segments.seal(Date.now(), newest, nativeHash, (records) => this.#counters.add(records))) {
      this.#sinks.trim(MAX_LOG_BYTES, this.#checkpoints.needed)
      this.#segments.forget()
      this.#checkpoints.dropBefore(this.#segments.oldest)
      await nextTurn()
    }
    if (this.#segments.end > end) this.ctx.waitUntil(this.#wakeExporters())
    // A query that comes again and again must not put the alarm off for ever.
    if ((this.#checkpoints.dueAt(Date.now()) ?? Infinity) <= Date.now()) this.ctx.waitUntil(this.#checkpoint())
  }

  /** There is something to read. An exporter that is out of order is woken by the next seal. */
  async #wakeExporters(): Promise<void> {
    const exporters = this.#sinks.all.map(({ name }) => this.env.EXPORTER.getByName(`${name}/${this.#checkpoints.log}`))
    await Promise.allSettled(exporters.map(async (exporter) => exporter.wake()))
  }

  /**
   * The records from a position on, or from the end if it is beyond, at least one if there is one: those of whole segments,
   * whose texts have about so many bytes.
   */
  async read(from: number, maxBytes: number): Promise<LogPage> {
    const { oldest, end } = this.#segments
    const start = Math.min(Math.max(from, oldest), end)
    const records: LogPage["records"][number][] = []
    let [next, bytes] = [start, 0]
    for (let segment = this.#segments.segmentAt(next); segment; segment = this.#segments.segmentAt(next)) {
      for (const record of segment.records.slice(next - segment.first)) {
        bytes += record.body.length
        if (bytes > maxBytes && records.length > 0) break
        records.push(record)
        next += 1
      }
      if (bytes > maxBytes) break
    }
    const lost = from < start ? [{ from, to: start }] : []
    return { from, next, records, checkpoints: this.#checkpoints.between(from, next), lost, end }
  }

  /** May be repeated. A position goes back, or ahead, to it. */
  async subscribe(sink: string, from: LogStart): Promise<{ readonly next: number }> {
    await this.seal()
    return { next: this.#sinks.subscribe(sink, from) }
  }

  /** @param next the first position that the sink does not have */
  async acknowledge(sink: string, next: number): Promise<void> {
    this.#sinks.acknowledge(sink, next)
  }

  async unsubscribe(sink: string): Promise<void> {
    this.#sinks.unsubscribe(sink)
  }

  async waitingSince(): Promise<number | null> {
    return waitingSince(this.ctx.storage.sql)
  }

  async state(): Promise<LogState> {
    const { end, unsealed, oldest, size: bytes, sealedAt: newestAt } = this.#segments
    return { end, unsealed, oldest, bytes, newestAt, sinks: this.#sinks.all }
  }

  /**
   * The lines of a file that can be verified, from a position on.
   * @param since milliseconds since the epoch: from the last checkpoint before that time on. Null: from the first record
   * @param until milliseconds since the epoch: up to the first checkpoint of that time or later. Null: to the last one
   */
  async lines(
    from: number,
    { since, until }: { readonly since: number | null; readonly until: number | null },
  ): Promise<LogLines> {
    await this.seal()
    const end = this.#checkpoints.at(until)?.size ?? 0
    const first = since === null ? 0 : (this.#checkpoints.before(since)?.size ?? 0)
    const begin = Math.min(Math.max(from, first, this.#segments.oldest), end)
    const lines = streamLines({ from: begin, end }, this.#segments, this.#checkpoints, configOf(this.env).issuer)
    return { lines, isEmpty: begin === end }
  }

  /**
   * How far the checkpoints reach that `lines` exports.
   * @param until as of `lines`
   */
  async reach(until: number | null): Promise<LogReach> {
    await this.seal()
    // So the last checkpoint is at most a minute old, if it does not cover everything.
    if ((this.#checkpoints.dueAt(Date.now()) ?? Infinity) <= Date.now()) await this.#checkpoint()
    const last = this.#checkpoints.at(until)
    const size = last?.size ?? 0
    const isAll = size === this.#segments.end && this.#segments.unsealed === 0
    // What came before the end of the range, if there is nothing behind it.
    const now = Math.min(Date.now(), until ?? Number.POSITIVE_INFINITY)
    return { size, note: last?.note ?? null, until: isAll ? Math.max(now, last?.at ?? 0) : (last?.at ?? 0) }
  }

  /** The first of those with `from < size`. */
  async checkpoints(from: number): Promise<readonly LogCheckpoint[]> {
    return this.#checkpoints.between(from, this.#segments.end)
  }

  async newestCheckpoint(): Promise<LogCheckpoint | null> {
    return this.#checkpoints.last
  }

  /**
   * Shows that a record is in the log.
   * @returns "pending" if no checkpoint covers it yet; null if it is not here
   */
  async prove(id: string): Promise<ProvenRecord | "pending" | null> {
    await this.#fill()
    const found = this.#queries.place(id)
    // A query may still see what the log has dropped, with its salt.
    if (!found || found.index < this.#segments.oldest) return null
    const { index, body } = found
    const { last } = this.#checkpoints
    if (!last || last.size <= index) return "pending"
    const path = inclusionPath(index, last.size, this.#segments.nodes())
    return { index, body, salt: this.#segments.saltOf(index), path: path.map(bytesToBase64), note: last.note }
  }

  /**
   * Some segments at a time. May be repeated: what comes later is erased by the next one.
   * @param user issuer and subject, joined by `|`
   */
  async erase(user: string): Promise<ErasedRecords> {
    await this.#fill()
    let [erased, kept] = [0, 0]
    for (const part of segmentsWith(this.ctx.storage.sql, JSON.stringify(user), this.#segments.end)) {
      for (const first of part) {
        const done = eraseInSegment(this.ctx.storage, first, user)
        ;[erased, kept] = [erased + done.erased, kept + done.kept]
        await nextTurn()
      }
      await nextTurn()
    }
    return { erased, kept }
  }

  /** What all records that have come so far add up to, and how many of them had no position when this was asked. */
  async counts(): Promise<LogCounts> {
    const waiting = this.#segments.unsealed
    await this.seal()
    return { waiting, counts: this.#counters.read() }
  }

  /** Before a query: all records that are there now have rows. */
  async #fill(): Promise<void> {
    await this.seal()
    const { end } = this.#segments
    while (this.#queries.fill(end)) await nextTurn()
  }

  async list(query: RecordQuery): Promise<ListedRecords> {
    await this.#fill()
    return this.#queries.list(query)
  }

  async listArrived(query: RecordQuery, after: number): Promise<ListedRecords> {
    await this.#fill()
    return this.#queries.listArrived(query, after)
  }

  async rates(query: RecordQuery, length: number): Promise<RateRow[]> {
    await this.#fill()
    return this.#queries.rates(query, length)
  }

  async agentsSeen(): Promise<SearchResult<AgentRow>> {
    await this.#fill()
    return this.#queries.agentsSeen()
  }

  async toolsUsed(history: HistoryKey): Promise<SearchResult<ToolRow>> {
    await this.#fill()
    return this.#queries.toolsUsed(history)
  }

  async get(id: string): Promise<StoredRecord | null> {
    await this.#fill()
    return this.#queries.get(id)
  }
}

const nextTurn = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
