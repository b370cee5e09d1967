/** Which log stores a decision record, and how to query those that may have it. */
import type { LogReading } from "../core/metrics/samples.ts"
import { readCheckpoint } from "../core/proof/checkpoint.ts"
import type { StatedLog } from "../core/proof/log-statement.ts"
import { EMPTY_ROOT } from "../core/proof/merkle.ts"
import { readStored, type DecisionRecord, type StoredRecord } from "../core/record/record.ts"
import type { ListedRecords } from "./log-queries.ts"
import type { ProvenRecord } from "./log-page.ts"
import type { RecordLog } from "./record-log.ts"
import type { RecordQuery } from "./record-query.ts"

/** More objects, more throughput; each query about records goes to all of them. */
const SHARDS = 4

/**
 * The log for records of unidentified callers. They can cause any number of records, which must not displace those of
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
  return env.RECORD_LOG.getByName(shardName(hash % SHARDS))
}

export async function findRecords(env: Env, query: RecordQuery): Promise<DecisionRecord[]> {
  return (await listRecords(env, query)).records
}

interface FoundRecords {
  readonly records: DecisionRecord[]
  /** The positions up to which the logs were read, joined by dots: `listArrivals` continues there. */
  readonly arrived: string
}

export async function listRecords(env: Env, query: RecordQuery): Promise<FoundRecords> {
  return listRecordsIn(logsFor(env, query), query)
}

export async function listRecordsIn(
  logs: readonly DurableObjectStub<RecordLog>[],
  query: RecordQuery,
): Promise<FoundRecords> {
  const found = await Promise.all(logs.map((log) => log.list(query)))
  return { records: validRecords(found, query.after === undefined).slice(0, query.limit), arrived: joined(found) }
}

/**
 * What has reached the logs since. A record may come a minute after a later one, or when a log is available again: a
 * client that follows by ids or times would miss it.
 * @param arrived by an earlier query with the same conditions
 */
export async function listArrivals(env: Env, query: RecordQuery, arrived: string): Promise<FoundRecords> {
  const positions = arrived.split(".").map(Number)
  const logs = logsFor(env, query)
  const limit = Math.max(1, Math.floor(query.limit / logs.length))
  const found = await Promise.all(
    logs.map((log, index) => log.listArrived({ ...query, limit }, positions[index] ?? Number.MAX_SAFE_INTEGER)),
  )
  const first = new Set(found.toSorted(byFirstRecord).slice(0, query.limit))
  const taken = found.map((each, index) =>
    first.has(each) || each.rows.length === 0 ? each : { rows: [], arrived: positions[index] ?? each.arrived },
  )
  return { records: validRecords(taken, false), arrived: joined(taken) }
}

/** The oldest first, so that a log is not left out for ever where fewer records are wanted than there are logs. */
function byFirstRecord({ rows: [one] }: ListedRecords, { rows: [other] }: ListedRecords): number {
  if (!one || !other) return Number(!one) - Number(!other)
  return one.id < other.id ? -1 : 1
}

/** Unidentified callers could name any task. */
function logsFor(env: Env, { tree }: RecordQuery): readonly DurableObjectStub<RecordLog>[] {
  return tree === undefined ? allLogs(env) : [...agentShards(env), managementReadsLog(env)]
}

function joined(found: readonly { readonly arrived: number }[]): string {
  return found.map(({ arrived }) => arrived).join(".")
}

function validRecords(
  found: readonly { readonly rows: readonly StoredRecord[] }[],
  isNewestFirst: boolean,
): DecisionRecord[] {
  const records = new Map<string, DecisionRecord>()
  for (const record of found.flatMap(({ rows }) => rows).map(readStored)) {
    const other = records.get(record.id)
    records.set(record.id, other ? validRecord(other, record) : record)
  }
  return [...records.values()].toSorted((a, b) => (a.id < b.id === isNewestFirst ? 1 : -1))
}

export async function findRecord(env: Env, id: string): Promise<DecisionRecord | null> {
  return findRecordIn(allLogs(env), id)
}

export async function findRecordIn(
  logs: readonly DurableObjectStub<RecordLog>[],
  id: string,
): Promise<DecisionRecord | null> {
  const found = await Promise.all(logs.map((log) => log.get(id)))
  const records = found.flatMap((each) => (each ? [readStored(each)] : []))
  return records.length === 0 ? null : records.reduce(validRecord)
}

/** A proven record, and the name of its log. */
export interface FoundRecord extends ProvenRecord {
  readonly log: string
}

/** @returns "pending" if no checkpoint covers it yet; null if there is none */
export async function proveRecord(env: Env, id: string): Promise<FoundRecord | "pending" | null> {
  const all = await Promise.all(logNames().map(async (log) => proofIn(env, log, id)))
  // It may be the valid one of two.
  if (all.includes("pending")) return "pending"
  const proven = all.flatMap((each) => (each === null || each === "pending" ? [] : [each]))
  return proven.length === 0 ? null : proven.reduce((one, other) => (readStored(one).number === null ? other : one))
}

async function proofIn(env: Env, log: string, id: string): Promise<FoundRecord | "pending" | null> {
  const found: ProvenRecord | "pending" | null = await env.RECORD_LOG.getByName(log).prove(id)
  return found === null || found === "pending" ? found : { ...found, log }
}

const logNames = (): readonly string[] => [
  ...Array.from({ length: SHARDS }, (_, index) => shardName(index)),
  MANAGEMENT_READS,
  UNIDENTIFIED,
]
const shardName = (index: number): string => `records-${index}`

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

/** Of each log, what a statement says of it. @param until as of `RecordLog.lines` */
export async function statedLogs(env: Env, until: number | null): Promise<readonly StatedLog[]> {
  return Promise.all(
    logNames().map(async (log) => {
      const { size, note, until: reached } = await env.RECORD_LOG.getByName(log).reach(until)
      const root = note === null ? EMPTY_ROOT : readCheckpoint(note)?.checkpoint.root
      if (!root) throw new Error("a checkpoint of the log cannot be read")
      return { log, size, root, until: reached }
    }),
  )
}

/** What each log's records add up to. */
export async function logReadings(env: Env): Promise<readonly LogReading[]> {
  return Promise.all(
    allLogs(env).map(async (log, index) => {
      const { waiting, counts } = await log.counts()
      return { log: log.name ?? String(index), waiting, counts }
    }),
  )
}

/** The logs that can contain calls of an agent. */
export function logsOfCalls(env: Env): DurableObjectStub<RecordLog>[] {
  return agentShards(env)
}

function agentShards(env: Env): DurableObjectStub<RecordLog>[] {
  return Array.from({ length: SHARDS }, (_, index) => env.RECORD_LOG.getByName(shardName(index)))
}
