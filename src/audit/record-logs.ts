/** Which log stores a decision record, and how to query those that may have it. */
import { readStored, type DecisionRecord } from "../core/record/record.ts"
import type { RecordLog } from "./record-log.ts"
import type { RecordQuery } from "./record-query.ts"

/** More objects, more throughput; each query about records goes to all of them. */
const SHARDS = 4

/**
 * The log for records of unidentified callers: anybody can cause any number of them, and they must not displace the
 * others.
 */
const UNIDENTIFIED = "strangers"

/**
 * The log for mere reads, and attempts that were denied. A reader can cause them all day, and they must displace
 * neither calls nor the actions of operators.
 */
const MANAGEMENT_READS = "looks"

export function isUnidentified({ chain, operator }: DecisionRecord): boolean {
  return chain.length === 0 && operator === null
}

export function unidentifiedLog(env: Env): DurableObjectStub<RecordLog> {
  return env.RECORD_LOG.getByName(UNIDENTIFIED)
}

/** An explanation is a read as well, whose query is only too long for a URL. */
export function isManagementRead({ kind, method, path, decision, code }: DecisionRecord): boolean {
  // The ledger may have done it nevertheless. Its record, in another log, must not be mistaken for the same one sent
  // twice.
  if (kind === "end" || kind === "approval") return code === "unavailable"
  return kind === "management" && (decision !== "allow" || method === "GET" || path === "/v1/explanations")
}

export function managementReadsLog(env: Env): DurableObjectStub<RecordLog> {
  return env.RECORD_LOG.getByName(MANAGEMENT_READS)
}

/** The object for records of a tree (or of any other key). */
export function logShard(env: Env, key: string): DurableObjectStub<RecordLog> {
  let hash = 0
  for (let index = 0; index < key.length; index++) hash = (hash * 31 + key.charCodeAt(index)) >>> 0
  return env.RECORD_LOG.getByName(`records-${hash % SHARDS}`)
}

export async function findRecords(env: Env, query: RecordQuery): Promise<DecisionRecord[]> {
  // Unidentified callers could name any task.
  const shards = query.tree === undefined ? allLogs(env) : [...agentShards(env), managementReadsLog(env)]
  const found = await Promise.all(shards.map((shard) => shard.list(query)))
  const records = new Map<string, DecisionRecord>()
  for (const record of found.flat().map(readStored)) {
    const other = records.get(record.id)
    records.set(record.id, other ? validRecord(other, record) : record)
  }
  const newestFirst = query.after === undefined
  const sorted = [...records.values()].toSorted((a, b) => (a.id < b.id === newestFirst ? 1 : -1))
  return sorted.slice(0, query.limit)
}

export async function findRecord(env: Env, id: string): Promise<DecisionRecord | null> {
  const found = await Promise.all(allLogs(env).map((shard) => shard.get(id)))
  const records = found.flatMap((each) => (each ? [readStored(each)] : []))
  return records.length === 0 ? null : records.reduce(validRecord)
}

/**
 * Chooses between two records of one decision. If a ledger does not answer in time, the response is 503 and recorded
 * so. The ledger may act nevertheless, and its record, which has a number, is the valid one.
 */
function validRecord(one: DecisionRecord, other: DecisionRecord): DecisionRecord {
  return one.number === null ? other : one
}

/** All logs, that of unidentified callers last. */
export function allLogs(env: Env): DurableObjectStub<RecordLog>[] {
  return [...agentShards(env), managementReadsLog(env), unidentifiedLog(env)]
}

/** The logs that can contain calls of an agent. */
export function logsOfCalls(env: Env): DurableObjectStub<RecordLog>[] {
  return agentShards(env)
}

function agentShards(env: Env): DurableObjectStub<RecordLog>[] {
  return Array.from({ length: SHARDS }, (_, index) => env.RECORD_LOG.getByName(`records-${index}`))
}
