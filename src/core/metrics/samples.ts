/** Everything that is known of a deployment at one moment → its samples. */
import type { Signal } from "../policy/definition/sinks.ts"
import { summed, type Counts } from "./counts.ts"
import { sample, type Sample } from "./metric.ts"

export interface LogReading {
  readonly log: string
  /** Records that had not been counted when the log was asked; the counts have them. */
  readonly waiting: number
  readonly counts: Counts
}

/** How far a sink is with one log, as one signal. */
export interface SinkReading {
  readonly sink: string
  readonly signal: Signal
  /** Empty for metrics, which are of all logs. */
  readonly log: string
  /** Null if its exporter does not answer. */
  readonly state: SinkProgress | null
}

export interface SinkProgress {
  /** Null for metrics, which are no records. */
  readonly records: { readonly lag: number; readonly lost: number } | null
  readonly lagSeconds: number
  /** The last attempt has failed. */
  readonly isFailing: boolean
}

/** All times in milliseconds since the epoch. */
export interface Reading {
  readonly now: number
  readonly logs: readonly LogReading[]
  readonly sinks: readonly SinkReading[]
  /** When the lease was requested. Null if there is none. */
  readonly leasedAt: number | null
  /** Null if there is no bundle. */
  readonly bundle: { readonly seq: number; readonly checkedAt: number } | null
  /** When the newest bundle was published. Null if that is not known. */
  readonly publishedAt: number | null
  readonly keys: readonly { readonly algorithm: string; readonly madeAt: number }[]
}

export function samplesOf({ now, logs, sinks, leasedAt, bundle, publishedAt, keys }: Reading): readonly Sample[] {
  const age = (at: number): number => Math.max(0, now - at) / 1_000
  return [
    ...countSamples(summed(logs.map(({ counts }) => counts))),
    ...logs.map(({ log, counts }) => sample("narrowgate_records", { log }, counts.records, counts.since)),
    ...logs.map(({ log, waiting }) => sample("narrowgate_records_waiting", { log }, waiting)),
    ...sinks.flatMap(sinkSamples),
    sample("narrowgate_lease_available", {}, leasedAt === null ? 0 : 1),
    ...(leasedAt === null ? [] : [sample("narrowgate_lease_age_seconds", {}, age(leasedAt))]),
    ...(bundle === null
      ? []
      : [
          sample("narrowgate_bundle_number", {}, bundle.seq),
          sample("narrowgate_bundle_check_age_seconds", {}, age(bundle.checkedAt)),
        ]),
    ...(publishedAt === null ? [] : [sample("narrowgate_bundle_age_seconds", {}, age(publishedAt))]),
    ...keys.map(({ algorithm, madeAt }) => sample("narrowgate_signing_key_age_seconds", { algorithm }, age(madeAt))),
  ]
}

function countSamples({ since, decisions, durations, waits, folded }: Counts): readonly Sample[] {
  return [
    ...Object.entries(decisions).map(([key, count]) => {
      const [kind = "", decision = "", code = "", gateway = "", tool = ""]: string[] = JSON.parse(key)
      return sample("narrowgate_decisions", { kind, decision, code, gateway, tool }, count, since)
    }),
    ...Object.entries(durations).map(([gateway, value]) =>
      sample("narrowgate_decision_duration_seconds", { gateway }, value, since),
    ),
    ...Object.entries(waits).map(([step, value]) => sample("narrowgate_wait_seconds", { step }, value, since)),
    sample("narrowgate_series_folded", {}, folded, since),
  ]
}

function sinkSamples({ sink, log, signal, state }: SinkReading): readonly Sample[] {
  const labels = { sink, log, signal }
  if (!state) return [sample("narrowgate_sink_failing", labels, 1)]
  const { records, lagSeconds, isFailing } = state
  return [
    sample("narrowgate_sink_failing", labels, isFailing ? 1 : 0),
    sample("narrowgate_sink_lag_seconds", labels, lagSeconds),
    ...(records === null
      ? []
      : [
          sample("narrowgate_sink_lag_records", labels, records.lag),
          sample("narrowgate_sink_lost_records", labels, records.lost),
        ]),
  ]
}
