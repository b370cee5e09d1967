/** Every metric that a deployment has: one entry each, from which `/metrics`, OTLP and the documentation are derived. */

interface MetricDefinition {
  /** A counter never falls, whatever restarts: it is stored with what it counts. */
  readonly type: "counter" | "gauge" | "histogram"
  /** Of the value (UCUM). A thing in braces is counted, or numbered, or is there or not; `1` would be a ratio. */
  readonly unit: "s" | `{${string}}`
  readonly labels: readonly string[]
  /** A sentence. */
  readonly doc: string
}

export const METRICS = {
  narrowgate_decisions: {
    type: "counter",
    unit: "{decision}",
    labels: ["kind", "decision", "code", "gateway", "tool"],
    doc: "Recorded decisions. Of calls, the gateway and the tool: `unknown` where there is none.",
  },
  narrowgate_decision_duration_seconds: {
    type: "histogram",
    unit: "s",
    labels: ["gateway"],
    doc: "From the arrival of a call's request at the edge to its decision.",
  },
  narrowgate_wait_seconds: {
    type: "histogram",
    unit: "s",
    labels: ["step"],
    doc: "What calls waited for, by step: `ledger` is the way to their ledger and the wait for its turn.",
  },
  narrowgate_series_folded: {
    type: "counter",
    unit: "{decision}",
    labels: [],
    doc: "Decisions that were counted with the tool `other`, because there were too many series.",
  },
  narrowgate_records: {
    type: "counter",
    unit: "{record}",
    labels: ["log"],
    doc: "Records that have a position in a log.",
  },
  narrowgate_records_waiting: {
    type: "gauge",
    unit: "{record}",
    labels: ["log"],
    doc: "Records that a log has received, and that have no position in it yet.",
  },
  narrowgate_sink_lag_records: {
    type: "gauge",
    unit: "{record}",
    labels: ["sink", "log", "signal"],
    doc: "Records of a log that a sink has not acknowledged as this signal.",
  },
  narrowgate_sink_lag_seconds: {
    type: "gauge",
    unit: "s",
    labels: ["sink", "log", "signal"],
    doc: "Age of the oldest record of a log that a sink has not acknowledged; 0 if there is none. Of the signal `metrics`: since it last took them.",
  },
  narrowgate_sink_lost_records: {
    type: "gauge",
    unit: "{record}",
    labels: ["sink", "log", "signal"],
    doc: "Records that a sink does not get: the log had to drop them, or the sink did not take them. Fewer after a backfill.",
  },
  narrowgate_sink_failing: {
    type: "gauge",
    unit: "{exporter}",
    labels: ["sink", "log", "signal"],
    doc: "1 if the last attempt to send a signal to a sink has failed, or its exporter does not answer; else 0. The label `log` is empty for `metrics`.",
  },
  narrowgate_lease_available: {
    type: "gauge",
    unit: "{lease}",
    labels: [],
    doc: "1 if the isolate that answers or sends has a lease on the switches; 0 if not: it then denies every call.",
  },
  narrowgate_lease_age_seconds: {
    type: "gauge",
    unit: "s",
    labels: [],
    doc: "Age of that lease.",
  },
  narrowgate_bundle_number: {
    type: "gauge",
    unit: "{publication}",
    labels: [],
    doc: "Number of the publication by which the isolate that answers or sends decides.",
  },
  narrowgate_bundle_age_seconds: {
    type: "gauge",
    unit: "s",
    labels: [],
    doc: "Since the newest bundle was published.",
  },
  narrowgate_bundle_check_age_seconds: {
    type: "gauge",
    unit: "s",
    labels: [],
    doc: "Since the isolate that answers or sends has last seen which bundle is the newest; from 600 on it denies every call.",
  },
  narrowgate_signing_key_age_seconds: {
    type: "gauge",
    unit: "s",
    labels: ["algorithm"],
    doc: "Since the key that signs was made. A key signs for 30 days.",
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>

export type MetricName = keyof typeof METRICS
export const isMetricName = (name: string): name is MetricName => Object.hasOwn(METRICS, name)
type Named<Type extends MetricDefinition["type"]> = {
  [Name in MetricName]: (typeof METRICS)[Name]["type"] extends Type ? Name : never
}[MetricName]
export type HistogramName = Named<"histogram">

type LabelsOf<Name extends MetricName> = { readonly [Label in (typeof METRICS)[Name]["labels"][number]]: string }

/** One series at one moment. */
export interface Sample<Name extends MetricName = MetricName> {
  readonly name: Name
  readonly labels: Readonly<Record<string, string>>
  readonly value: Name extends HistogramName ? Distribution : number
  /** Of what is counted: milliseconds since the epoch, when the count began. Null: that is not known. */
  readonly since: number | null
}

export function sample<Name extends MetricName>(
  name: Name,
  labels: LabelsOf<Name>,
  value: Sample<Name>["value"],
  since: number | null = null,
): Sample<Name> {
  return { name, labels, value, since }
}

/** Upper bounds of the buckets, in milliseconds; the last bucket has none. */
export const BOUNDS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] as const

export interface Distribution {
  /** How many are in each bucket, and in no lower one. */
  readonly buckets: readonly number[]
  readonly sumMs: number
}
