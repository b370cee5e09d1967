/**
 * Where decision records rest: a few Durable Objects, each bounded, written to in batches. A batch that is sent twice
 * is stored once.
 */
import { DurableObject } from "cloudflare:workers"
import type { DecisionRecord, StoredRecord } from "./record.ts"

/** More objects, more throughput; each question about records asks them all. */
const SHARDS = 4
/** Records that one object keeps; the oldest go first. */
const MAX_RECORDS = 100_000
/** Pruned in steps, so that not every batch deletes. */
const PRUNE_EVERY = 1_000

export interface RecordQuery {
  /** Absent: all but `management`, or reading the records would be most of what there is to read. */
  readonly kind?: string | undefined
  readonly task?: string | undefined
  readonly agent?: string | undefined
  readonly code?: string | undefined
  readonly decision?: string | undefined
  readonly tool?: string | undefined
  /** Only records with an id before this one (ids sort by time). */
  readonly before?: string | undefined
  /** Only records with an id after this one. */
  readonly after?: string | undefined
  readonly limit: number
}

/**
 * Where records of callers whom nobody knows rest: anybody can make those, as many as they like, and they must not push
 * out the others.
 */
const STRANGERS = "strangers"

export function isStranger({ chain, operator }: DecisionRecord): boolean {
  return chain.length === 0 && operator === null
}

export function strangersLog(env: Env): DurableObjectStub<RecordLog> {
  return env.RECORD_LOG.getByName(STRANGERS)
}

/** The object for records of a tree (or of any other key). */
export function logShard(env: Env, key: string): DurableObjectStub<RecordLog> {
  let hash = 0
  for (let index = 0; index < key.length; index++) hash = (hash * 31 + key.charCodeAt(index)) >>> 0
  return env.RECORD_LOG.getByName(`records-${hash % SHARDS}`)
}

export async function findRecords(env: Env, query: RecordQuery): Promise<DecisionRecord[]> {
  const found = await Promise.all(allShards(env).map((shard) => shard.list(query)))
  const newestFirst = query.after === undefined
  const sorted = found.flat().toSorted((a, b) => (a.id < b.id === newestFirst ? 1 : -1))
  return sorted.slice(0, query.limit).map(readRecord)
}

export async function findRecord(env: Env, id: string): Promise<DecisionRecord | null> {
  const found = await Promise.all(allShards(env).map((shard) => shard.get(id)))
  const record = found.find((each) => each !== null)
  return record ? readRecord(record) : null
}

function allShards(env: Env): DurableObjectStub<RecordLog>[] {
  const names = Array.from({ length: SHARDS }, (_, index) => `records-${index}`)
  return [...names, STRANGERS].map((name) => env.RECORD_LOG.getByName(name))
}

/** Only ever what `append` was given: the body is our own. */
function readRecord({ body }: StoredRecord): DecisionRecord {
  const record: DecisionRecord = JSON.parse(body)
  return record
}

export class RecordLog extends DurableObject<Env> {
  #sincePruned = 0

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, task TEXT, agent TEXT, code TEXT NOT NULL,
         decision TEXT NOT NULL, tool TEXT, kind TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID`,
    )
  }

  append(records: readonly StoredRecord[]): void {
    const { sql } = this.ctx.storage
    this.ctx.storage.transactionSync(() => {
      for (const stored of records) {
        const { task, chain, code, decision, tool, kind } = readRecord(stored)
        sql.exec(
          "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
          stored.id,
          task,
          chain.at(-1) ?? null,
          code,
          decision,
          tool,
          kind,
          stored.body,
        )
      }
    })
    this.#sincePruned += records.length
    if (this.#sincePruned < PRUNE_EVERY) return
    this.#sincePruned = 0
    sql.exec("DELETE FROM records WHERE id <= (SELECT id FROM records ORDER BY id DESC LIMIT 1 OFFSET ?)", MAX_RECORDS)
  }

  list(query: RecordQuery): StoredRecord[] {
    const conditions: string[] = query.kind === undefined ? ["kind <> 'management'"] : []
    const values: string[] = []
    for (const column of ["task", "agent", "code", "decision", "tool", "kind"] as const) {
      const value = query[column]
      if (value === undefined) continue
      conditions.push(`${column} = ?`)
      values.push(value)
    }
    if (query.before !== undefined) values.push(query.before)
    if (query.before !== undefined) conditions.push("id < ?")
    if (query.after !== undefined) values.push(query.after)
    if (query.after !== undefined) conditions.push("id > ?")
    const where = `WHERE ${conditions.join(" AND ")}`
    const order = query.after === undefined ? "DESC" : "ASC"
    return this.ctx.storage.sql
      .exec<{ id: string; body: string }>(
        `SELECT id, body FROM records ${where} ORDER BY id ${order} LIMIT ?`,
        ...values,
        query.limit,
      )
      .toArray()
  }

  get(id: string): StoredRecord | null {
    const [row] = this.ctx.storage.sql.exec<{ id: string; body: string }>(
      "SELECT id, body FROM records WHERE id = ?",
      id,
    )
    return row ?? null
  }
}
