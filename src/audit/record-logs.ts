/** Which of the logs a decision record rests in, and how those are asked that may have it. */
import { readStored, type DecisionRecord } from "../core/record/record.ts"
import type { RecordLog } from "./record-log.ts"
import type { RecordQuery } from "./record-query.ts"

/** More objects, more throughput; each question about records asks them all. */
const SHARDS = 4

/**
 * Where records of callers whom nobody knows rest: anybody can make those, as many as they like, and they must not push
 * out the others.
 */
const STRANGERS = "strangers"

/**
 * Where it rests who has only looked, or was not allowed to do more: whoever may look can do so all day, and must push out
 * neither calls nor what operators have done.
 */
const LOOKS = "looks"

export function isStranger({ chain, operator }: DecisionRecord): boolean {
  return chain.length === 0 && operator === null
}

export function strangersLog(env: Env): DurableObjectStub<RecordLog> {
  return env.RECORD_LOG.getByName(STRANGERS)
}

/** An explanation is a question as well, which only is too long for an address. */
export function isLook({ kind, method, path, decision, code }: DecisionRecord): boolean {
  // The ledger may have done it all the same: its record, in another log, must not be taken for the same sent twice.
  if (kind === "end" || kind === "approval") return code === "unavailable"
  return kind === "management" && (decision !== "allow" || method === "GET" || path === "/v1/explanations")
}

export function looksLog(env: Env): DurableObjectStub<RecordLog> {
  return env.RECORD_LOG.getByName(LOOKS)
}

/** The object for records of a tree (or of any other key). */
export function logShard(env: Env, key: string): DurableObjectStub<RecordLog> {
  let hash = 0
  for (let index = 0; index < key.length; index++) hash = (hash * 31 + key.charCodeAt(index)) >>> 0
  return env.RECORD_LOG.getByName(`records-${hash % SHARDS}`)
}

export async function findRecords(env: Env, query: RecordQuery): Promise<DecisionRecord[]> {
  // Strangers could name any task.
  const shards = query.tree === undefined ? allLogs(env) : [...knownShards(env), looksLog(env)]
  const found = await Promise.all(shards.map((shard) => shard.list(query)))
  const records = new Map<string, DecisionRecord>()
  for (const record of found.flat().map(readStored)) {
    const other = records.get(record.id)
    records.set(record.id, other ? whatHolds(other, record) : record)
  }
  const newestFirst = query.after === undefined
  const sorted = [...records.values()].toSorted((a, b) => (a.id < b.id === newestFirst ? 1 : -1))
  return sorted.slice(0, query.limit)
}

export async function findRecord(env: Env, id: string): Promise<DecisionRecord | null> {
  const found = await Promise.all(allLogs(env).map((shard) => shard.get(id)))
  const records = found.flatMap((each) => (each ? [readStored(each)] : []))
  return records.length === 0 ? null : records.reduce(whatHolds)
}

/**
 * Of one decision. If a ledger is given up, the answer is 503 and recorded so; the ledger may do what it was asked all the
 * same, and keeps a record with it, which has a number.
 */
function whatHolds(one: DecisionRecord, other: DecisionRecord): DecisionRecord {
  return one.number === null ? other : one
}

/** All there are, strangers' last. */
export function allLogs(env: Env): DurableObjectStub<RecordLog>[] {
  return [...knownShards(env), looksLog(env), strangersLog(env)]
}

/** Those in which an agent can have called something. */
export function logsOfCalls(env: Env): DurableObjectStub<RecordLog>[] {
  return knownShards(env)
}

function knownShards(env: Env): DurableObjectStub<RecordLog>[] {
  return Array.from({ length: SHARDS }, (_, index) => env.RECORD_LOG.getByName(`records-${index}`))
}
