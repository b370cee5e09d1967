/** From a scenario to objects, requests, rows, limits and money. Pure. */
import type { CostsTable } from "./costs-table.ts"
import { limitsOf, type LimitState } from "./limits.ts"
import { billOf, totalOf, type BillLine } from "./money.ts"
import { MEASURED, OWN, PLATFORM } from "./platform.ts"
import { simulateBurst, type BurstResult } from "./queue.ts"
import { PRICES } from "../costs/prices.ts"
import { hoursOf, type Scenario } from "./scenario.ts"
import { edgeUse, logUse, LOGS, cyclesOf } from "./shared.ts"
import { add, NO_USE, times, type ObjectUse } from "./use.ts"
import { dayOf, peakOfLedger, withChance, type WorkloadDay } from "./workload.ts"

const DAY = 86_400
const HOUR = 3_600
const DAYS_OF_MONTH = 30

export interface ClassPrediction {
  readonly name: string
  /** Objects that store something at the same time, at most. */
  readonly objects: number
  /** Of a month. */
  readonly use: ObjectUse
  /** Requests a second of the busiest object: on average over a day, and at its peak. */
  readonly busiestMean: number
  readonly busiestPeak: number
  readonly bytes: number
}

/** What a scenario takes and costs. */
export interface PredictedLoad {
  readonly scenario: Scenario
  readonly days: readonly WorkloadDay[]
  readonly callsPerDay: number
  /** Calls a second: on average, and in the busiest hour. */
  readonly mean: number
  readonly peak: number
  readonly classes: readonly ClassPrediction[]
  readonly requests: number
  readonly bill: readonly BillLine[]
  /** With what is stored after the first month. */
  readonly price: number
  /** Of a month, with what is stored when the scenario's months are over. */
  readonly priceAtEnd: number
  readonly bursts: readonly { readonly name: string; readonly result: BurstResult }[]
  /** Days that the logs reach back. */
  readonly history: number
  /** Of the database of one log. */
  readonly logBytes: number
}

export interface Prediction extends PredictedLoad {
  /** The first that is met comes first. */
  readonly limits: readonly LimitState[]
}

export function predict(scenario: Scenario, table: CostsTable): Prediction {
  const days = scenario.workloads.map((workload, index) => dayOf(workload, table, scenario.seed + index))
  const sum = (of: (day: WorkloadDay) => number): number => days.reduce((total, day) => total + of(day), 0)
  const monthly = (of: (day: WorkloadDay) => ObjectUse): ObjectUse =>
    days.reduce((total, day) => add(total, times(of(day), day.workload.days)), NO_USE)
  const records = days.reduce((total, day) => total + day.records * day.workload.days, 0)
  const isFull = records > OWN.logRecords * LOGS
  const hours = hoursOfAll(days)
  const shared = hours.reduce<SharedUse>((total, hour) => addShared(total, sharedUse(hour, scenario, isFull)), NOTHING)
  const peakHour = hours.reduce((most, hour) => (hour.requests > most.requests ? hour : most), NO_HOUR)
  const atPeak = sharedUse({ ...peakHour, share: 1 / HOUR / DAYS_OF_MONTH }, scenario, isFull)
  const exporters = exporterUse(scenario, shared.cycles)
  const recordsPerDay = records / DAYS_OF_MONTH
  const stored = storedBytes(days, records, shared.cycles)
  const classes: ClassPrediction[] = [
    {
      name: "Ledger",
      objects: sum(({ ledgers }) => ledgers),
      use: monthly(({ ledger }) => ledger),
      busiestMean: Math.max(...days.map(({ busiestMean }) => busiestMean)),
      busiestPeak: Math.max(...days.map(peakOfLedger)),
      bytes: stored.ledgers,
    },
    {
      name: "RecordLog",
      objects: LOGS + 2,
      use: shared.log,
      busiestMean: shared.log.requests / LOGS / DAYS_OF_MONTH / DAY,
      busiestPeak: withChance(atPeak.log.requests / LOGS),
      bytes: stored.logs,
    },
    {
      name: "Switchboard",
      objects: 1,
      use: shared.switchboard,
      busiestMean: shared.switchboard.requests / DAYS_OF_MONTH / DAY,
      busiestPeak: atPeak.switchboard.requests,
      bytes: SMALL_OBJECT_BYTES,
    },
    {
      name: "Publications",
      objects: 1,
      use: shared.publications,
      busiestMean: shared.publications.requests / DAYS_OF_MONTH / DAY,
      busiestPeak: atPeak.publications.requests,
      bytes: SMALL_OBJECT_BYTES,
    },
    ...optionalClass(
      "SharedLimit",
      sum(({ windows }) => windows.length),
      monthly(({ sharedLimit }) => sharedLimit),
      Math.max(0, ...days.flatMap(({ windows }) => windows.map(({ requestsPerSecond }) => requestsPerSecond))),
    ),
    ...optionalClass(
      "OnceLog",
      ONCE_LOGS,
      monthly(({ onceLog }) => onceLog),
      0,
    ),
    ...optionalClass(
      "Inbox",
      Math.ceil(sum(({ approvals, ledgers }) => Math.min(approvals, ledgers))),
      monthly(({ inbox }) => inbox),
      0,
    ),
    ...optionalClass("Exporter", scenario.sinks.length * (LOGS + 2), exporters, 0),
  ]
  const all = classes.reduce((total, { use }) => add(total, use), NO_USE)
  const requests = days.reduce((total, day) => total + day.requests * day.workload.days, 0)
  const r2 = scenario.sinks.filter((kind) => kind === "r2").length
  const monthlyUse = {
    requests,
    cpuMilliseconds: days.reduce((total, day) => total + day.cpuMilliseconds * day.workload.days, 0),
    objectRequests: all.requests,
    rowsWritten: all.written,
    rowsRead: all.read,
    gigabyteSeconds: all.waited * PRICES.objectGigabytes,
    kvReads: shared.kvReads,
    stored: (stored.ledgers + stored.logs) / 1e9,
    r2Stored: (r2 * records * MEASURED.exportedBytes) / 1e9,
    r2Writes: r2 * shared.cycles,
  }
  const bill = billOf(monthlyUse)
  const { months } = scenario
  const billAtEnd = billOf({
    ...monthlyUse,
    r2Stored: monthlyUse.r2Stored * months,
  })
  const bursts = days.flatMap((day) => {
    const { burst, name } = day.workload
    if (!burst) return []
    const [perSecond, bears] = [peakOfLedger(day), PLATFORM.objectRequestsPerSecond]
    return [{ name, result: simulateBurst({ perSecond, seconds: burst.seconds, bears, seed: scenario.seed }) }]
  })
  const load = {
    scenario,
    days,
    callsPerDay: sum(({ calls }) => calls),
    mean: sum(({ mean }) => mean),
    peak: peakHour.calls,
    classes,
    requests,
    bill,
    price: totalOf(bill),
    priceAtEnd: totalOf(billAtEnd),
    bursts,
    logBytes: stored.logs / LOGS,
    history: (OWN.logRecords * LOGS) / recordsPerDay,
  }
  return { ...load, limits: limitsOf(load) }
}

const SMALL_OBJECT_BYTES = 70_000
const ONCE_LOGS = 256

function optionalClass(name: string, objects: number, use: ObjectUse, busiestPeak: number): ClassPrediction[] {
  if (use.requests === 0) return []
  const busiestMean = use.requests / Math.max(1, objects) / DAYS_OF_MONTH / DAY
  return [{ name, objects, use, busiestMean, busiestPeak: Math.max(busiestPeak, busiestMean), bytes: 0 }]
}

/** What comes a second in one hour of the day, and how many such hours a month has in seconds. */
interface Hour {
  readonly requests: number
  readonly calls: number
  readonly tokens: number
  readonly records: number
  readonly appends: number
  /** Of a month, in hours of it. */
  readonly share: number
}

const NO_HOUR: Hour = { requests: 0, calls: 0, tokens: 0, records: 0, appends: 0, share: 0 }

function hoursOfAll(days: readonly WorkloadDay[]): readonly Hour[] {
  return Array.from({ length: 24 }, (_, hour) =>
    days.reduce<Hour>((total, day) => {
      const part = (hoursOf(day.workload)[hour] ?? 0) / HOUR
      return {
        requests: total.requests + day.requests * part,
        calls: total.calls + day.calls * part,
        tokens: total.tokens + (day.tasks + day.renewals) * part,
        records: total.records + day.records * part,
        appends: total.appends + day.appends * part,
        share: Math.max(total.share, day.workload.days / DAYS_OF_MONTH),
      }
    }, NO_HOUR),
  )
}

interface SharedUse {
  readonly log: ObjectUse
  readonly switchboard: ObjectUse
  readonly publications: ObjectUse
  readonly kvReads: number
  readonly cycles: number
}

const NOTHING: SharedUse = { log: NO_USE, switchboard: NO_USE, publications: NO_USE, kvReads: 0, cycles: 0 }

/** Of a month: what all logs, and what isolates take in this hour of its days. */
function sharedUse(hour: Hour, { regions, isolates }: Scenario, isFull: boolean): SharedUse {
  const load = { appends: hour.appends / LOGS, records: hour.records / LOGS, isFull }
  const cycles = cyclesOf(load) * LOGS
  const edge = edgeUse(regions * isolates, hour.requests, hour.tokens, Math.min(cycles, LOGS / 60))
  const seconds = HOUR * DAYS_OF_MONTH * hour.share
  return {
    log: times(logUse(load), seconds * LOGS),
    switchboard: times(edge.switchboard, seconds),
    publications: times(edge.publications, seconds),
    kvReads: edge.kvReads * seconds,
    cycles: cycles * seconds,
  }
}

function addShared(one: SharedUse, other: SharedUse): SharedUse {
  return {
    log: add(one.log, other.log),
    switchboard: add(one.switchboard, other.switchboard),
    publications: add(one.publications, other.publications),
    kvReads: one.kvReads + other.kvReads,
    cycles: one.cycles + other.cycles,
  }
}

/** For each cycle of a log: by the code of `src/export/exporter.ts`, not measured. */
const EXPORT: ObjectUse = { requests: 8, alarms: 2, wakings: 1, written: 5, read: 60, waited: 1 }

function exporterUse({ sinks }: Scenario, cycles: number): ObjectUse {
  return times(EXPORT, cycles * sinks.length)
}

function storedBytes(days: readonly WorkloadDay[], records: number, cycles: number) {
  const { ledgerBytes, journalRowBytes, journalRows, taskBytes } = MEASURED
  const ledgers = days.reduce((total, { ledgers: count, tasks, calls, workload }) => {
    const journal = Math.min(journalRows, calls / count) * journalRowBytes
    const remembered = (tasks * (workload.life + HOUR)) / DAY
    return total + count * (ledgerBytes + journal) + remembered * taskBytes
  }, 0)
  // Their records, and ids of those of some days; a log of a month has as much of both as it ever has.
  const kept = Math.min(records, OWN.logRecords * LOGS) * MEASURED.recordBytes
  const ids = (OWN.logIdDays / DAYS_OF_MONTH) * (records * MEASURED.idBytes + cycles * MEASURED.cycleBytes)
  return { ledgers, logs: kept + ids }
}
