/** What one workload takes on a day of work: some of its ledgers are simulated, and stand for all of them. */
import type { CostsTable, Pace } from "./costs-table.ts"
import { LOOP, rulesOf, simulateLedger } from "./ledger.ts"
import { randomOf } from "../../test/harness/random.ts"
import { CALL_KINDS, planTask, wrapTask, type CallKind, type PlannedTask } from "./plan.ts"
import { busiestOf, hoursOf, type SharedWindow, type Workload } from "./scenario.ts"
import { simulateWindow } from "./shared-window.ts"
import { add, NO_USE, times, type ObjectUse } from "./use.ts"

const DAY = 86_400
const HOUR = 3_600
/** Calls of a simulation, or renewals if there are more. One task at least is simulated, however many it has. */
const MOST_STEPS = 12_000
const MOST_LEDGERS = 40

/** Of one day of work, all ledgers together, unless it says otherwise. */
export interface WorkloadDay {
  readonly workload: Workload
  /** With work on that day. */
  readonly ledgers: number
  readonly calls: number
  readonly tasks: number
  readonly renewals: number
  readonly records: number
  readonly appends: number
  readonly approvals: number
  /** To the Worker. */
  readonly requests: number
  readonly cpuMilliseconds: number
  readonly ledger: ObjectUse
  readonly sharedLimit: ObjectUse
  readonly onceLog: ObjectUse
  readonly inbox: ObjectUse
  readonly windows: readonly WindowDay[]
  /** Calls a second: on average over the day, and in the busiest hour. */
  readonly mean: number
  readonly peak: number
  /** The same of the busiest ledger, without a burst. */
  readonly busiestMean: number
  readonly busiestPeak: number
  /** Task trees of the busiest ledger, for one agent. */
  readonly live: number
  readonly openedPerMinute: number
}

export interface WindowDay {
  readonly limit: number
  readonly seconds: number
  /** The part of the calls that it counts. */
  readonly part: number
  /** To its object, in the busiest hour. */
  readonly requestsPerSecond: number
  readonly requestsOfCall: number
  readonly denied: number
  /** In the fullest of its spans. */
  readonly callsInSpan: number
}

export function dayOf(workload: Workload, table: CostsTable, seed: number): WorkloadDay {
  const {
    users,
    instances,
    active,
    agents,
    partitions,
    tasks: tasksOfEach,
    calls: callsOfTask,
    gap,
    approvals,
  } = workload
  const workers = (users > 0 ? users : instances) * active
  const ledgers = users > 0 ? workers : Math.min(workers, agents * partitions)
  const tasks = workers * tasksOfEach
  const calls = tasks * callsOfTask
  const tasksOfLedger = tasks / ledgers
  const callsOfLedger = tasksOfLedger * callsOfTask
  const hours = hoursOf(workload)
  const busiestHour = Math.max(...hours)
  const simulated = simulateSome(workload, table, { ledgers, tasks: tasksOfLedger }, seed)
  const scale = tasks / simulated.tasks
  const mean = calls / DAY
  const peak = (calls * busiestHour) / HOUR
  const busiest = Math.min(busiestOf(workload), ledgers)
  const approved = calls * approvals
  const windows = workload.shared.map((window) => windowOf(window, { calls, hours, ledgers, gap }, seed))
  const credits = windows.map(({ requestsOfCall, part }) => creditUse(part * calls, requestsOfCall, table))
  const creditOf = (what: keyof CreditUse): number => credits.reduce((sum, credit) => sum + credit[what], 0)
  const once = times(onceUse(table), users > 0 ? 0 : tasks)
  const renewals = simulated.renewals * scale
  const gapOfLedger = Math.min(gap, HOUR / (callsOfLedger * busiestHour))
  const cpuMilliseconds =
    calls * cpuOfMix(workload.mix, gapOfLedger, table) +
    tasks * table(users > 0 ? "token exchange" : "client_credentials", "alone").cpuMilliseconds +
    renewals * table("refresh", "alone").cpuMilliseconds +
    approved * REQUESTS_OF_APPROVAL * cpuOf("write", gap, table)
  return {
    workload,
    ledgers,
    calls,
    tasks,
    renewals,
    records: calls + tasks + renewals + approved * 2,
    appends: simulated.appends * scale + approved * 2,
    approvals: approved,
    requests: calls + tasks + renewals + approved * REQUESTS_OF_APPROVAL,
    cpuMilliseconds,
    ledger: [
      times(APPROVAL, approved),
      // No ledger waits for longer than the day.
      { ...NO_USE, waited: Math.min(creditOf("seconds"), ledgers * DAY) },
    ].reduce(add, times(simulated.use, scale)),
    sharedLimit: { ...NO_USE, requests: creditOf("requests"), written: creditOf("rows") },
    onceLog: once,
    inbox: { ...NO_USE, requests: approved * 2, written: approved * 3 },
    windows,
    mean,
    peak,
    busiestMean: (callsOfLedger / DAY) * busiest,
    busiestPeak: ((callsOfLedger * busiestHour) / HOUR) * busiest,
    live: liveTrees(workload, tasksOfLedger, busiestHour, busiest),
    openedPerMinute: ((tasksOfLedger / (users > 0 ? agents : 1)) * busiestHour * busiest) / 60,
  }
}

/** Of the busiest ledger, in its busiest second: in a burst, or by chance. */
export const peakOfLedger = ({ busiestPeak, workload: { burst } }: WorkloadDay): number =>
  burst ? Math.max(withChance(busiestPeak), busiestPeak + burst.calls_per_second) : withChance(busiestPeak)

/** What comes by chance comes in some second of the hour so much more often. */
export const withChance = (perSecond: number): number => perSecond + CHANCE * Math.sqrt(perSecond)
const CHANCE = 4

/** Beside the call itself: the list of the approver, the approval, and the call again. */
const REQUESTS_OF_APPROVAL = 3
/** Of its ledger, beside the call itself: by the code, not measured. */
const APPROVAL: ObjectUse = { ...NO_USE, requests: 3, written: 4, read: 40, waited: 0.5 }

const sumOf = (mix: Workload["mix"]): number => Object.values(mix).reduce((sum, each) => sum + each, 0)

interface CreditUse {
  readonly requests: number
  /** Those of the ledgers too. */
  readonly rows: number
  /** In which ledgers keep awake to give it back. */
  readonly seconds: number
}

/**
 * What calls under a shared window take for credit.
 * @param requestsOfCall to the object of the count, on average
 */
export function creditUse(calls: number, requestsOfCall: number, table: CostsTable): CreditUse {
  const pace = requestsOfCall > BORROWS_ALONE ? "alone" : "in a loop"
  const [shared, own] = [table("read under a shared limit", pace), table("read", pace)]
  const requests = calls * requestsOfCall
  const rows = shared.written.others + shared.written.ledger - own.written.ledger
  const seconds = shared.objectSeconds - own.objectSeconds
  return {
    requests,
    rows: (requests * rows) / shared.requests.others,
    seconds: (requests * seconds) / shared.requests.others,
  }
}
/** With more requests for a call, ledgers borrow for nearly each call, as those do that call alone. */
const BORROWS_ALONE = 0.5

function onceUse(table: CostsTable): ObjectUse {
  const { requests, written } = table("client_credentials", "alone")
  return { ...NO_USE, requests: requests.others, written: written.others }
}

function liveTrees(
  { life, users, agents }: Workload,
  tasksOfLedger: number,
  busiestHour: number,
  busiest: number,
): number {
  const perSecond = (tasksOfLedger * busiestHour) / HOUR
  return (perSecond * life * busiest) / (users > 0 ? agents : 1)
}

interface WindowLoad {
  /** Of a day, and the parts of them that come in each hour. */
  readonly calls: number
  readonly hours: readonly number[]
  readonly ledgers: number
  readonly gap: number
}

function windowOf(
  { limit, seconds, calls }: SharedWindow,
  { calls: callsOfDay, hours, ledgers, gap }: WindowLoad,
  seed: number,
): WindowDay {
  const callsInSpan = callsOfDay * calls * fullestPart(hours, seconds)
  const perSecond = callsInSpan / seconds
  const peak = (callsOfDay * calls * Math.max(...hours)) / HOUR
  // A ledger without a call at the moment borrows nothing.
  const calling = Math.ceil(Math.max(1, Math.min(ledgers, perSecond * gap)))
  const { requests, denied } = simulateWindow({ limit, seconds, calls }, perSecond, calling, seed)
  return {
    limit,
    seconds,
    part: calls,
    requestsPerSecond: requests * peak,
    requestsOfCall: requests,
    denied,
    callsInSpan,
  }
}

/** Of the calls of a day: those of the fullest span of so many seconds. Every day counts as one with work. */
export function fullestPart(hours: readonly number[], seconds: number): number {
  const days = Math.floor(seconds / DAY)
  const rest = (seconds % DAY) / HOUR
  // It begins, or ends, where an hour does: within an hour calls come evenly.
  const spans = hours.flatMap((_, first) => [partOf(hours, first, rest), partOf(hours.toReversed(), first, rest)])
  return days + Math.max(...spans)
}

/** Of so many hours from the beginning of one on; after the last hour of the day comes the first. */
function partOf(hours: readonly number[], first: number, length: number): number {
  return [...hours.slice(first), ...hours.slice(0, first)].reduce(
    (sum, part, index) => sum + part * Math.min(1, Math.max(0, length - index)),
    0,
  )
}

/** Ledgers, or a part of the day of one ledger, with about `MOST_STEPS` calls. */
function simulateSome(
  workload: Workload,
  table: CostsTable,
  all: { readonly ledgers: number; /** Of one ledger. */ readonly tasks: number },
  seed: number,
) {
  const stepsOfTask = workload.calls * Math.max(1, workload.gap / workload.token_life)
  const stepsOfLedger = all.tasks * stepsOfTask
  const count = Math.max(1, Math.min(MOST_LEDGERS, Math.floor(all.ledgers), Math.round(MOST_STEPS / stepsOfLedger)))
  const part = stepsOfLedger > MOST_STEPS ? Math.min(1, wholeTasks(MOST_STEPS / stepsOfTask) / all.tasks) : 1
  const random = randomOf(seed)
  const hours = hoursOf(workload)
  let [use, appends, renewals] = [NO_USE, 0, 0]
  const rules = rulesOf(table, workload.row_each)
  // A task that is not whole is one for some of the ledgers.
  const tasksUntil = (ledger: number): number => (ledger > 0 ? wholeTasks(all.tasks * part * ledger) : 0)
  for (let ledger = 0; ledger < count; ledger++) {
    const planned = Array.from({ length: tasksUntil(ledger + 1) - tasksUntil(ledger) }, (): PlannedTask => {
      const at = part < 1 ? random() * DAY * part : timeOfDay(hours, random)
      const task = planTask(at * 1000, { user: String(ledger), agent: "" }, workload, random)
      return part < 1 ? wrapTask(task, DAY * part * 1000) : task
    })
    if (planned.length === 0) continue
    const result = simulateLedger(
      planned.toSorted((a, b) => a.at - b.at),
      rules,
    )
    use = add(use, result.use)
    appends += result.appends.length
    renewals += planned.reduce((sum, { renewedAt }) => sum + renewedAt.length, 0)
  }
  return { tasks: tasksUntil(count), use, appends, renewals }
}

/** At least one. Products of decimal fractions are a little off. */
const wholeTasks = (tasks: number): number => Math.max(1, Math.ceil(tasks - 1e-6))

function timeOfDay(hours: readonly number[], random: () => number): number {
  let chance = random()
  const hour = hours.findIndex((part) => (chance -= part) < 0)
  return (Math.max(0, hour) + random()) * HOUR
}

const NAMES = {
  read: "read",
  write: "write",
  list: "list of tools",
  denied: "denied by a rule",
  out_of_scope: "denied for its scope",
} as const satisfies Record<CallKind, string>
const [LOOP_GAP, ALONE_GAP] = [1 / LOOP.perSecond, 5]

/** Milliseconds of the processor of one call, by how long after another of its ledger it comes. */
function cpuOf(kind: CallKind, gap: number, table: CostsTable): number {
  const of = (name: string, pace: Pace): number => table(name, pace).cpuMilliseconds
  const alone = of(NAMES[kind], "alone")
  const loop = kind === "write" ? of("write", "in a loop") : (alone * of("read", "in a loop")) / of("read", "alone")
  const between = Math.min(ALONE_GAP, Math.max(LOOP_GAP, gap))
  const share = Math.log(ALONE_GAP / between) / Math.log(ALONE_GAP / LOOP_GAP)
  return alone * (loop / alone) ** share
}

/** The same of a call on average. */
function cpuOfMix(mix: Workload["mix"], gap: number, table: CostsTable): number {
  const parts: Record<CallKind, number> = { ...mix, read: 1 - sumOf(mix) }
  return CALL_KINDS.reduce((sum, kind) => sum + parts[kind] * cpuOf(kind, gap, table), 0)
}
