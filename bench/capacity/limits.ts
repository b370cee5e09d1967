/** Which limit is met first when everything grows alike, and what to change then. */
import type { Prediction } from "./model.ts"
import { MEASURED, OWN, PLATFORM } from "./platform.ts"
import { LOGS } from "./shared.ts"
import type { WindowDay, WorkloadDay } from "./workload.ts"

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

type Known = Omit<Prediction, "limits">

interface LimitKind {
  readonly id: string
  readonly what: string
  readonly whose: LimitState["whose"]
  readonly unit: string
  /** Null: it does not concern this scenario. */
  load(known: Known): number | null
  bears(known: Known): number
  /** Whose work it is that comes next to the limit. Absent: that of all. */
  of?(known: Known): WorkloadDay | undefined
  readonly change: string
}

const peakOf = ({ classes }: Known, name: string): number | null =>
  classes.find((each) => each.name === name)?.busiestPeak ?? null

const KINDS: readonly LimitKind[] = [
  {
    id: "ledger-requests",
    what: "requests a second of the busiest ledger",
    whose: "platform",
    unit: "a second",
    load: (known) => peakOf(known, "Ledger"),
    bears: () => PLATFORM.objectRequestsPerSecond,
    of: ({ days }) => worst(days, peakOfLedger),
    change:
      "Limit the agent by a window of seconds; of agents without people raise `partitions`, or give each its own id.",
  },
  {
    id: "agent-pace",
    what: "calls a second of one agent in one ledger",
    whose: "own",
    unit: "a second",
    load: (known) => peakOf(known, "Ledger"),
    bears: () => OWN.agentCallsPerSecond,
    of: ({ days }) => worst(days, peakOfLedger),
    change: "The platform's limit of one object is met before.",
  },
  {
    id: "log-requests",
    what: "requests a second of one record log",
    whose: "platform",
    unit: "a second",
    load: (known) => peakOf(known, "RecordLog"),
    bears: () => PLATFORM.objectRequestsPerSecond,
    change: "There are four logs, and no setting for more: deploy a second Worker for a part of the people or agents.",
  },
  {
    id: "log-records",
    what: "records a second of one record log",
    whose: "own",
    unit: "a second",
    load: ({ days, peak, mean }) =>
      mean > 0 ? (days.reduce((sum, { records }) => sum + records, 0) / 86_400 / LOGS) * (peak / mean) : null,
    bears: () => MEASURED.logRecordsPerSecond,
    change: "Deploy a second Worker for a part of the people or agents: there are four logs, and no setting for more.",
  },
  {
    id: "log-history",
    what: "days that the logs reach back",
    whose: "own",
    unit: "days",
    load: ({ scenario }) =>
      scenario.sinks.length > 0 || scenario.records_for_days === 0 ? null : scenario.records_for_days,
    bears: ({ history }) => history,
    change: "Send the records to a sink: the logs keep 100,000 each.",
  },
  {
    id: "log-backlog",
    what: "hours that a sink may be out of order without a loss",
    whose: "own",
    unit: "hours",
    load: ({ scenario }) => (scenario.sinks.length > 0 ? scenario.sink_outage_hours : null),
    bears: ({ days }) => {
      const perHour = (days.reduce((sum, { records }) => sum + records, 0) / 24 / LOGS) * MEASURED.recordBytes
      return OWN.logCharactersForSinks / Math.max(perHour, Number.EPSILON)
    },
    change: "Alert on a sink that is behind, and repair it sooner; or let calls be denied while the log is full.",
  },
  {
    id: "log-size",
    what: "months until the database of a record log is full",
    whose: "platform",
    unit: "months",
    load: ({ scenario }) => scenario.months,
    bears: ({ logBytes: { kept, growth } }) => (PLATFORM.objectGigabytes * 1e9 - kept) / growth,
    change:
      "Ids and hashes of all records stay in their log: deploy a second Worker for a part of the people or agents, or begin a new deployment before then and keep the exported files.",
  },
  {
    id: "switchboard-requests",
    what: "requests a second of the switchboard",
    whose: "platform",
    unit: "a second",
    load: (known) => peakOf(known, "Switchboard"),
    bears: () => PLATFORM.objectRequestsPerSecond,
    change: "Each isolate asks once a second: have fewer places from which gateways ask, or deploy a second Worker.",
  },
  {
    id: "shared-limit-requests",
    what: "requests a second of a shared count",
    whose: "platform",
    unit: "a second",
    load: (known) => peakOf(known, "SharedLimit"),
    bears: () => PLATFORM.objectRequestsPerSecond,
    change: "Count it by `tool` or `agent` too, which makes several counts of it; or count for each user.",
  },
  {
    id: "shared-limit",
    what: "calls of a shared window, in its fullest span",
    whose: "configuration",
    unit: "a span",
    load: (known) => fullest(known)?.window.callsInSpan ?? null,
    bears: (known) => fullest(known)?.window.limit ?? 0,
    of: (known) => fullest(known)?.day,
    change: "Raise the window's `limit`: calls beyond it are denied `rate_limited`.",
  },
  {
    id: "live-trees",
    what: "live tasks of one agent in one ledger",
    whose: "configuration",
    unit: "tasks",
    load: ({ days }) => worst(days, liveOf)?.live ?? null,
    bears: ({ days }) => worst(days, liveOf)?.workload.trees.live ?? 0,
    of: ({ days }) => worst(days, liveOf),
    change:
      "Raise `trees.live` of the agent, or `partitions`; let agents complete their tasks, or shorten `life`; or say in `busiest` how unevenly the work is spread.",
  },
  {
    id: "opened-trees",
    what: "tasks opened in a minute by one agent in one ledger",
    whose: "configuration",
    unit: "tasks",
    load: ({ days }) => worst(days, openedOf)?.openedPerMinute ?? null,
    bears: ({ days }) => worst(days, openedOf)?.workload.trees.per_minute ?? 0,
    of: ({ days }) => worst(days, openedOf),
    change: "Raise `trees.per_minute` of the agent, or `partitions`.",
  },
  {
    id: "pending-approvals",
    what: "approvals that wait in one inbox",
    whose: "own",
    unit: "approvals",
    load: ({ days }) =>
      days.some(({ approvals }) => approvals > 0)
        ? days.reduce(
            (sum, { approvals, workload, peak, mean }) =>
              sum + (approvals / 86_400) * (peak / Math.max(mean, Number.EPSILON)) * workload.approved_within,
            0,
          )
        : null,
    bears: () => OWN.approvalsPendingInInbox,
    change: "Have several groups of approvers, each with an inbox of its own; approve fewer calls by people.",
  },
]

interface Fullest {
  readonly day: WorkloadDay
  readonly window: WindowDay
}

function fullest({ days }: Known): Fullest | undefined {
  const used = ({ window: { callsInSpan, limit } }: Fullest): number => callsInSpan / limit
  return days
    .flatMap((day) => day.windows.map((window) => ({ day, window })))
    .toSorted((one, other) => used(other) - used(one))[0]
}

const peakOfLedger = ({ busiestPeak, workload }: WorkloadDay): number =>
  Math.max(busiestPeak, workload.burst?.calls_per_second ?? 0)
const liveOf = ({ live, workload }: WorkloadDay): number => live / workload.trees.live
const openedOf = ({ openedPerMinute, workload }: WorkloadDay): number => openedPerMinute / workload.trees.per_minute

function worst(days: readonly WorkloadDay[], of: (day: WorkloadDay) => number): WorkloadDay | undefined {
  return days.toSorted((one, other) => of(other) - of(one))[0]
}

/** The first that is met comes first. */
export function limitsOf(known: Known): readonly LimitState[] {
  return KINDS.flatMap((kind): LimitState[] => {
    const load = kind.load(known)
    if (load === null) return []
    const { id, whose, change, unit } = kind
    const bears = kind.bears(known)
    const of = known.days.length > 1 ? kind.of?.(known)?.workload.name : undefined
    const what = of === undefined ? kind.what : `${kind.what} (${of})`
    return [{ id, what, whose, change, used: load / bears, load: `${shown(load)} ${unit}`, bears: shown(bears) }]
  }).toSorted((one, other) => other.used - one.used)
}

function shown(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(2)
}
