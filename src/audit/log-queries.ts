/**
 * Queries about the records of a log, over rows that the first query makes of its segments. Calls are many and queries
 * about them few, so the query does the work.
 */
import { historyKeyOf, type HistoryKey } from "../core/guardrails/history-key.ts"
import type { StoredRecord } from "../core/record/record.ts"
import type { Segments } from "./log-segments.ts"
import { conditionsOf, type RecordQuery } from "./record-query.ts"

/** Records that queries see; the oldest go first. */
export const MAX_RECORDS = 100_000

/** Of one log: the records read for a query about agents. */
const MAX_SEARCHED = 20_000

/** `arrival`: one more than the position, so that 0 is before all of them. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, task TEXT, agent TEXT, user TEXT, code TEXT NOT NULL,
  decision TEXT NOT NULL, tool TEXT, kind TEXT NOT NULL, differs INTEGER NOT NULL, body TEXT NOT NULL,
  arrival INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS arrivals ON records (arrival);
CREATE INDEX IF NOT EXISTS differing ON records (id) WHERE differs = 1`

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

export class LogQueries {
  readonly #storage: DurableObjectStorage
  readonly #segments: Segments
  /** Rows. Null if not counted yet. */
  #stored: number | null = null
  /** Position of the first record that has no row. */
  #next: number

  constructor(storage: DurableObjectStorage, segments: Segments) {
    this.#storage = storage
    this.#segments = segments
    storage.sql.exec(SCHEMA)
    const query = "SELECT max(arrival) AS last FROM records"
    this.#next = storage.sql.exec<{ last: number | null }>(query).one().last ?? 0
  }

  /**
   * Makes the rows of one segment, in one transaction.
   * @param end position before which records are to have rows; later ones may come for ever
   * @returns false if they have: another query may have made them
   */
  fill(end: number): boolean {
    if (this.#next >= end) return false
    const { oldest } = this.#segments
    const segment = this.#segments.segmentAt(Math.max(this.#next, oldest, end - MAX_RECORDS))
    if (!segment) return false
    this.#storage.transactionSync(() => {
      const { sql } = this.#storage
      const before = this.#stored ?? sql.exec<{ count: number }>("SELECT count(*) AS count FROM records").one().count
      const added = sql.exec(
        `INSERT OR IGNORE INTO records
        SELECT value ->> 'id', value ->> 'task', value ->> '$.chain[#-1]', value ->> 'user', value ->> 'code',
          value ->> 'decision', value ->> 'tool', value ->> 'kind', value ->> '$.candidate.differs' IS NOT NULL, value,
          json_each.key + ? FROM json_each(?) RETURNING id`,
        segment.first + 1,
        `[${segment.records.map(({ body }) => body).join(",")}]`,
      )
      const count = before + added.toArray().length
      const tooMany = Math.max(0, count - MAX_RECORDS)
      if (tooMany > 0) sql.exec("DELETE FROM records WHERE id IN (SELECT id FROM records ORDER BY id LIMIT ?)", tooMany)
      this.#stored = count - tooMany
    })
    this.#next = segment.next
    return true
  }

  list(query: RecordQuery): ListedRecords {
    const { where, values } = conditionsOf(query)
    const order = query.after === undefined ? "DESC" : "ASC"
    const rows = this.#storage.sql
      .exec<StoredRow>(`SELECT id, body FROM records ${where} ORDER BY id ${order} LIMIT ?`, ...values, query.limit)
      .toArray()
    return { rows, arrived: this.#next }
  }

  /** Those that have arrived after this position, the first of them first: a record may be much older than others. */
  listArrived(query: RecordQuery, after: number): ListedRecords {
    const { where, values } = conditionsOf(query)
    const rows = this.#storage.sql
      .exec<StoredRow & { arrival: number }>(
        `SELECT id, body, arrival FROM records ${where} AND arrival > ? ORDER BY arrival LIMIT ?`,
        ...values,
        after,
        query.limit,
      )
      .toArray()
    const last = rows.length < query.limit ? undefined : rows.at(-1)
    return { rows, arrived: last?.arrival ?? this.#next }
  }

  /**
   * The number of each decision, by prefix of their ids.
   * @param length of the prefix
   */
  rates(query: RecordQuery, length: number): RateRow[] {
    const { where, values } = conditionsOf(query)
    return this.#storage.sql
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
  agentsSeen(): SearchResult<AgentRow> {
    const rows = this.#storage.sql
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
  toolsUsed(history: HistoryKey): SearchResult<ToolRow> {
    const rows = this.#storage.sql
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
    const { looked, oldest } = this.#storage.sql
      .exec<{ looked: number; oldest: string | null }>(
        "SELECT count(*) AS looked, min(id) AS oldest FROM (SELECT id FROM records ORDER BY id DESC LIMIT ?)",
        MAX_SEARCHED,
      )
      .one()
    return { looked, oldest, isAll: looked < MAX_SEARCHED }
  }

  get(id: string): StoredRecord | null {
    const [row] = this.#storage.sql.exec<{ id: string; body: string }>("SELECT id, body FROM records WHERE id = ?", id)
    return row ?? null
  }

  /** A record and its position. */
  place(id: string): { readonly index: number; readonly body: string } | null {
    const query = "SELECT arrival - 1 AS 'index', body FROM records WHERE id = ?"
    return this.#storage.sql.exec<{ index: number; body: string }>(query, id).toArray()[0] ?? null
  }
}
