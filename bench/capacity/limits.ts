/** Which limit is met first when everything grows alike, and what to change then. */
import type { PredictedLoad } from "./model.ts"
import { MEASURED, OWN, PLATFORM } from "./platform.ts"
import { LOGS } from "./shared.ts"
import { peakOfLedger, type WorkloadDay } from "./workload.ts"

export interface LimitState {
  readonly id: string
  readonly what: string
  readonly whose: "platform" | "own" | "configuration"
  /** In parts of the limit: at 1 it is met. */
  readonly used: number
  readonly load: string
  readonly bears: string
  readonly change: string
}

interface Measure {
  readonly load: number
  readonly bears: number
  /** Of one workload. Absent: of all together. */
  readonly workload?: string
}

interface LimitKind {
  readonly id: string
  readonly what: string
  readonly whose: LimitState["whose"]
  readonly unit: string
  /** Null if the limit does not concern this scenario. */
  readonly measure: (load: PredictedLoad) => Measure | null
  readonly change: string
}

/** Requests to the busiest object of a class, held against what the platform bears of one object. */
const objectRequests = (name: string): Pick<LimitKind, "whose" | "unit" | "measure"> => ({
  whose: "platform",
  unit: "a second",
  measure: ({ classes }) => {
    const found = classes.find((each) => each.name === name)
    return found ? { load: found.busiestPeak, bears: PLATFORM.objectRequestsPerSecond } : null
  },
})

/** Of the measures of each workload, the one that is nearest to its limit. */
function nearest({ days }: PredictedLoad, measuresOf: (day: WorkloadDay) => readonly Measure[]): Measure | null {
  const measures = days.flatMap((day) =>
    measuresOf(day).map(({ load, bears }) => ({ load, bears, workload: day.workload.name })),
  )
  return measures.toSorted((one, other) => other.load / other.bears - one.load / one.bears)[0] ?? null
}

const busiestLedger =
  (bears: number): LimitKind["measure"] =>
  (load) =>
    nearest(load, (day) => [{ load: peakOfLedger(day), bears }])

const recordsPerDay = ({ days }: PredictedLoad): number => days.reduce((sum, { records }) => sum + records, 0)

const MORE_LOGS =
  "There are four logs, and no setting for more: deploy a second Worker for a part of the people or agents."

const KINDS: readonly LimitKind[] = [
  {
    id: "ledger-requests",
    what: "requests a second of the busiest ledger",
    whose: "platform",
    unit: "a second",
    measure: busiestLedger(PLATFORM.objectRequestsPerSecond),
    change:
      "Limit the agent by a window of seconds; of agents without people raise `partitions`, or give each its own id.",
  },
  {
    id: "agent-pace",
    what: "calls a second of one agent in one ledger",
    whose: "own",
    unit: "a second",
    measure: busiestLedger(OWN.agentCallsPerSecond),
    change: "The platform's limit of one object is met before.",
  },
  {
    id: "log-requests",
    what: "requests a second of one record log",
    ...objectRequests("RecordLog"),
    change: MORE_LOGS,
  },
  {
    id: "log-records",
    what: "records a second of one record log",
    whose: "own",
    unit: "a second",
    measure: (load) => ({
      load: (recordsPerDay(load) / 86_400 / LOGS) * (load.peak / load.mean),
      bears: MEASURED.logRecordsPerSecond,
    }),
    change: MORE_LOGS,
  },
  {
    id: "log-history",
    what: "days that the logs reach back",
    whose: "own",
    unit: "days",
    measure: ({ scenario: { sinks, records_for_days: days }, history }) =>
      sinks.length > 0 || days === 0 ? null : { load: days, bears: history },
    change: "Send the records to a sink: the logs keep 100,000 each.",
  },
  {
    id: "log-backlog",
    what: "hours that a sink may be out of order without a loss",
    whose: "own",
    unit: "hours",
    measure: (load) => {
      const { sinks, sink_outage_hours: outage } = load.scenario
      const charactersPerHour = (recordsPerDay(load) / 24 / LOGS) * MEASURED.recordBytes
      return sinks.length > 0 ? { load: outage, bears: OWN.logCharactersForSinks / charactersPerHour } : null
    },
    change: "Alert on a sink that is behind, and repair it sooner; or let calls be denied while the log is full.",
  },
  {
    id: "log-size",
    what: "database of a record log",
    whose: "platform",
    unit: "GB",
    measure: ({ logBytes }) => ({ load: logBytes / 1e9, bears: PLATFORM.objectGigabytes }),
    change: MORE_LOGS,
  },
  {
    id: "switchboard-requests",
    what: "requests a second of the switchboard",
    ...objectRequests("Switchboard"),
    change:
      "Each isolate calls it once a second: have fewer places from which gateways call, or deploy a second Worker.",
  },
  {
    id: "shared-limit-requests",
    what: "requests a second of a shared count",
    ...objectRequests("SharedLimit"),
    change: "Count it by `tool` or `agent` too, which makes several counts of it; or count for each user.",
  },
  {
    id: "shared-limit",
    what: "calls of a shared window, in its fullest span",
    whose: "configuration",
    unit: "a span",
    measure: (load) =>
      nearest(load, ({ windows }) => windows.map(({ callsInSpan, limit }) => ({ load: callsInSpan, bears: limit }))),
    change: "Raise the window's `limit`: calls beyond it are denied `rate_limited`.",
  },
  {
    id: "live-trees",
    what: "live tasks of one agent in one ledger",
    whose: "configuration",
    unit: "tasks",
    measure: (load) => nearest(load, ({ live, workload: { trees } }) => [{ load: live, bears: trees.live }]),
    change:
      "Raise `trees.live` of the agent, or `partitions`; let agents complete their tasks, or shorten `life`; or say in `busiest` how unevenly the work is spread.",
  },
  {
    id: "opened-trees",
    what: "tasks opened in a minute by one agent in one ledger",
    whose: "configuration",
    unit: "tasks",
    measure: (load) =>
      nearest(load, ({ openedPerMinute, workload: { trees } }) => [{ load: openedPerMinute, bears: trees.per_minute }]),
    change: "Raise `trees.per_minute` of the agent, or `partitions`.",
  },
  {
    id: "pending-approvals",
    what: "approvals that wait in one inbox",
    whose: "own",
    unit: "approvals",
    measure: ({ days }) => {
      const pending = days.reduce(
        (sum, { approvals, workload, peak, mean }) =>
          sum + (approvals / 86_400) * (peak / mean) * workload.approved_within,
        0,
      )
      return pending > 0 ? { load: pending, bears: OWN.approvalsPendingInInbox } : null
    },
    change: "Have several groups of approvers, each with an inbox of its own; approve fewer calls by people.",
  },
]

/** The first that is met comes first. */
export function limitsOf(predicted: PredictedLoad): readonly LimitState[] {
  return KINDS.flatMap(({ measure, unit, what, ...kind }): LimitState[] => {
    const measured = measure(predicted)
    if (measured === null) return []
    const { load, bears, workload } = measured
    const subject = workload !== undefined && predicted.days.length > 1 ? `${what} (${workload})` : what
    return [{ ...kind, what: subject, used: load / bears, load: `${rounded(load)} ${unit}`, bears: rounded(bears) }]
  }).toSorted((one, other) => other.used - one.used)
}

function rounded(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(2)
}
