/**
 * The store of decision records: a few Durable Objects (record-logs.ts says which), each bounded, written to in
 * batches. A batch that is sent twice is stored once.
 */
import { StoredObject } from "../platform/storage/stored-object.ts"
import { historyKeyOf, type HistoryKey } from "../core/guardrails/history-key.ts"
import { fits } from "../core/encoding/bytes.ts"
import type { Counts } from "../core/metrics/counts.ts"
import { readStored, type StoredRecord } from "../core/record/record.ts"
import { RecordCounters } from "./record-counters.ts"
import { conditionsOf, type RecordQuery } from "./record-query.ts"

/** Records that one object stores; the oldest go first. */
const MAX_RECORDS = 100_000

/**
 * A batch is one row, and a deployed object accepts no row of more than 2 MB, while a local one accepts any. Half of
 * that, because the row of a single record repeats parts of it (#unpack).
 */
export const MAX_BATCH_BYTES = 1_000_000

/** The result for a batch: one that is `too_long` is not stored, and never will be. */
export type Taken = "kept" | "too_long"

/** Of one log: the records read for a query about agents. */
const MAX_SEARCHED = 20_000

interface StoredRow extends Record<string, SqlStorageValue>, StoredRecord {}

export interface ListedRecords {
  readonly rows: readonly StoredRecord[]
  /** The position up to which the log has been read: what arrives later is behind it. */
  readonly arrived: number
}

/** What the newest records of a log show. */
export interface SearchResult<Row> {
  readonly rows: readonly Row[]
  readonly looked: number
  /** Id of the oldest of them. */
  readonly oldest: string | null
  /** The log has no others. */
  readonly isAll: boolean
}

/** `last`: id of the latest record. */
export interface AgentRow extends Record<string, SqlStorageValue> {
  readonly agent: string
  readonly calls: number
  readonly denied: number
  readonly last: string
}
export interface ToolRow extends Record<string, SqlStorageValue> {
  readonly tool: string
  readonly calls: number
  readonly denied: number
  readonly last: string
}
export interface RateRow extends Record<string, SqlStorageValue> {
  /** Prefix of the ids. */
  readonly slot: string
  readonly allowed: number
  readonly denied: number
}

export interface LogCounts {
  /** Records in batches, when they were asked for. */
  readonly waiting: number
  readonly counts: Counts
}

/**
 * A batch is stored as it came, in one row; its records become rows of their own at the first query. Calls are many and
 * queries about them few, so the query does the work.
 */
export class RecordLog extends StoredObject {
  /** Records in batches. */
  #waiting: number
  /** Records in rows of their own. Null if not counted yet. */
  #stored: number | null = null
  readonly #counters: RecordCounters

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "RecordLog")
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS batches (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, body TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, task TEXT, agent TEXT, user TEXT, code TEXT NOT NULL,
        decision TEXT NOT NULL, tool TEXT, kind TEXT NOT NULL, differs INTEGER NOT NULL, body TEXT NOT NULL,
        arrival INTEGER NOT NULL) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS arrivals ON records (arrival);
      CREATE INDEX IF NOT EXISTS differing ON records (id) WHERE differs = 1`)
    this.#counters = new RecordCounters(ctx.storage.sql)
    this.#waiting = ctx.storage.sql.exec<{ sum: number }>("SELECT total(count) AS sum FROM batches").one().sum
  }

  /** @param batch as `batchOf` makes it */
  async append(count: number, batch: string): Promise<Taken> {
    if (!fits(batch, MAX_BATCH_BYTES)) return "too_long"
    const { sql } = this.ctx.storage
    sql.exec("INSERT INTO batches (count, body) VALUES (?, ?)", count, batch)
    this.#waiting += count
    // Without queries the oldest batches go, as the oldest records would; as many as necessary, because they may be
    // smaller.
    while (this.#waiting > MAX_RECORDS) {
      const [oldest] = sql.exec<{ id: number; count: number }>("SELECT id, count FROM batches ORDER BY id LIMIT 1")
      if (!oldest) break
      sql.exec("DELETE FROM batches WHERE id = ?", oldest.id)
      this.#waiting -= oldest.count
    }
    return "kept"
  }

  /**
   * Unpacks all batches that are there now, one after the other. Writes of others come in between, however many batches
   * there are. What was sent twice is stored once.
   */
  async #unpack(): Promise<void> {
    // Nothing has come since.
    if (this.#waiting === 0) return
    const { sql } = this.ctx.storage
    const { last } = sql.exec<{ last: number | null }>("SELECT max(id) AS last FROM batches").one()
    while (this.#unpackOldest(last ?? 0)) await new Promise((resolve) => setTimeout(resolve, 0))
  }

  /** @returns false if there is none up to `last`: another query may have unpacked it */
  #unpackOldest(last: number): boolean {
    const { sql } = this.ctx.storage
    const [oldest] = sql.exec<{ id: number; count: number }>(
      "SELECT id, count FROM batches WHERE id <= ? ORDER BY id LIMIT 1",
      last,
    )
    if (!oldest) return false
    this.ctx.storage.transactionSync(() => {
      const before = this.#stored ?? sql.exec<{ count: number }>("SELECT count(*) AS count FROM records").one().count
      const added = sql.exec<StoredRow>(
        `INSERT OR IGNORE INTO records
        SELECT value ->> 'id', value ->> 'task', value ->> '$.chain[#-1]', value ->> 'user', value ->> 'code',
          value ->> 'decision', value ->> 'tool', value ->> 'kind', value ->> '$.candidate.differs' IS NOT NULL, value,
          json_each.key + ?
        FROM batches, json_each(batches.body) WHERE batches.id = ? RETURNING id, body`,
        this.#arrived() + 1,
        oldest.id,
      )
      const records = added.toArray()
      this.#counters.add(records.map(readStored))
      const count = before + records.length
      sql.exec("DELETE FROM batches WHERE id = ?", oldest.id)
      const tooMany = Math.max(0, count - MAX_RECORDS)
      if (tooMany > 0) sql.exec("DELETE FROM records WHERE id IN (SELECT id FROM records ORDER BY id LIMIT ?)", tooMany)
      this.#stored = count - tooMany
    })
    this.#waiting -= oldest.count
    return true
  }

  /** The position of the record that has arrived last. */
  #arrived(): number {
    const sql = "SELECT max(arrival) AS last FROM records"
    return this.ctx.storage.sql.exec<{ last: number | null }>(sql).one().last ?? 0
  }

  async list(query: RecordQuery): Promise<ListedRecords> {
    await this.#unpack()
    const { where, values } = conditionsOf(query)
    const order = query.after === undefined ? "DESC" : "ASC"
    const rows = this.ctx.storage.sql
      .exec<StoredRow>(`SELECT id, body FROM records ${where} ORDER BY id ${order} LIMIT ?`, ...values, query.limit)
      .toArray()
    return { rows, arrived: this.#arrived() }
  }

  /** Those that have arrived after this position, the first of them first: a record may be much older than others. */
  async listArrived(query: RecordQuery, after: number): Promise<ListedRecords> {
    await this.#unpack()
    const { where, values } = conditionsOf(query)
    const rows = this.ctx.storage.sql
      .exec<StoredRow & { arrival: number }>(
        `SELECT id, body, arrival FROM records ${where} AND arrival > ? ORDER BY arrival LIMIT ?`,
        ...values,
        after,
        query.limit,
      )
      .toArray()
    const last = rows.length < query.limit ? undefined : rows.at(-1)
    return { rows, arrived: last?.arrival ?? this.#arrived() }
  }

  /**
   * The number of each decision, by prefix of their ids.
   * @param length of the prefix
   */
  async rates(query: RecordQuery, length: number): Promise<RateRow[]> {
    await this.#unpack()
    const { where, values } = conditionsOf(query)
    return this.ctx.storage.sql
      .exec<RateRow>(
        `SELECT substr(id, 1, ?) AS slot, sum(decision = 'allow') AS allowed, sum(decision <> 'allow') AS denied
          FROM (SELECT id, decision FROM records ${where} ORDER BY id DESC LIMIT ?) GROUP BY slot`,
        length,
        ...values,
        MAX_SEARCHED,
      )
      .toArray()
  }

  /** By the agents' own actions: other records name the agent that a person, or a misused code, acted on. */
  async agentsSeen(): Promise<SearchResult<AgentRow>> {
    await this.#unpack()
    const rows = this.ctx.storage.sql
      .exec<AgentRow>(
        `SELECT agent, sum(kind = 'call') AS calls, sum(kind = 'call' AND decision = 'deny') AS denied, max(id) AS last
          FROM (SELECT id, agent, kind, decision FROM records ORDER BY id DESC LIMIT ?)
          WHERE agent IS NOT NULL AND kind IN ('call', 'exchange') GROUP BY agent`,
        MAX_SEARCHED,
      )
      .toArray()
    return { rows, ...this.#searched() }
  }

  /** For each agent with this history. */
  async toolsUsed(history: HistoryKey): Promise<SearchResult<ToolRow>> {
    await this.#unpack()
    const rows = this.ctx.storage.sql
      .exec<ToolRow & { agent: string }>(
        `SELECT agent, tool, count(*) AS calls, sum(decision = 'deny') AS denied, max(id) AS last
          FROM (SELECT id, agent, tool, kind, decision FROM records ORDER BY id DESC LIMIT ?1)
          WHERE substr(agent, 1, length(?2)) = ?2 AND kind = 'call' AND tool IS NOT NULL GROUP BY agent, tool`,
        MAX_SEARCHED,
        history,
      )
      .toArray()
      .filter(({ agent }) => historyKeyOf(agent) === history)
    return { rows, ...this.#searched() }
  }

  #searched(): Omit<SearchResult<unknown>, "rows"> {
    const { looked, oldest } = this.ctx.storage.sql
      .exec<{ looked: number; oldest: string | null }>(
        "SELECT count(*) AS looked, min(id) AS oldest FROM (SELECT id FROM records ORDER BY id DESC LIMIT ?)",
        MAX_SEARCHED,
      )
      .one()
    return { looked, oldest, isAll: looked < MAX_SEARCHED }
  }

  /** What all records that have come so far add up to, and how many had not been counted before. */
  async counts(): Promise<LogCounts> {
    const waiting = this.#waiting
    await this.#unpack()
    return { waiting, counts: this.#counters.read() }
  }

  async get(id: string): Promise<StoredRecord | null> {
    await this.#unpack()
    const [row] = this.ctx.storage.sql.exec<{ id: string; body: string }>(
      "SELECT id, body FROM records WHERE id = ?",
      id,
    )
    return row ?? null
  }
}
