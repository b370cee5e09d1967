/**
 * OpenTelemetry metrics: a body of `POST /v1/metrics` in OTLP's JSON (opentelemetry/proto/metrics/v1), of the samples that
 * `/metrics` shows. Counters are cumulative since the deployment's first decision; if it is not known since when one counts,
 * its start is not stated, and a receiver takes the first value that it gets for the start ("Unknown start time").
 */
import { BOUNDS_MS, METRICS, type Distribution, type MetricName, type Sample } from "../../core/metrics/metric.ts"
import { keyValues, type KeyValue } from "./otlp-values.ts"

interface Point {
  /** Of counters and histograms, if known. */
  readonly startTimeUnixNano?: string
  readonly timeUnixNano: string
  readonly attributes: readonly KeyValue[]
}
interface NumberPoint extends Point {
  readonly asDouble: number
}
interface HistogramPoint extends Point {
  readonly count: number
  readonly sum: number
  readonly bucketCounts: readonly number[]
  readonly explicitBounds: readonly number[]
}

type Data =
  | { readonly gauge: { readonly dataPoints: readonly NumberPoint[] } }
  | {
      readonly sum: {
        readonly dataPoints: readonly NumberPoint[]
        readonly aggregationTemporality: number
        readonly isMonotonic: true
      }
    }
  | { readonly histogram: { readonly dataPoints: readonly HistogramPoint[]; readonly aggregationTemporality: number } }

const CUMULATIVE = 2

/** @param now milliseconds since the epoch */
export function otlpMetrics(samples: readonly Sample[], issuer: string, now: number): string {
  const families = Map.groupBy(samples, ({ name }) => name)
  const metrics = Array.from(families, ([name, family]) => metricOf(name, family, now))
  const resource = {
    attributes: keyValues([
      ["service.name", "narrowgate"],
      ["service.instance.id", issuer],
    ]),
  }
  return JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "narrowgate" }, metrics }] }] })
}

function metricOf(name: MetricName, samples: readonly Sample[], now: number) {
  const { doc: description, unit } = METRICS[name]
  return { name, description, unit, ...dataOf(name, samples, now) }
}

function dataOf(name: MetricName, samples: readonly Sample[], now: number): Data {
  const numbers = samples.flatMap((each): readonly NumberPoint[] =>
    typeof each.value === "number" ? [{ ...pointOf(each, now), asDouble: each.value }] : [],
  )
  const { type } = METRICS[name]
  if (type === "gauge") return { gauge: { dataPoints: numbers } }
  if (type === "counter") return { sum: { dataPoints: numbers, aggregationTemporality: CUMULATIVE, isMonotonic: true } }
  const dataPoints = samples.flatMap((each) =>
    typeof each.value === "number" ? [] : [{ ...pointOf(each, now), ...histogramOf(each.value) }],
  )
  return { histogram: { dataPoints, aggregationTemporality: CUMULATIVE } }
}

function pointOf({ labels, since }: Sample, now: number): Point {
  return {
    // A record of a clock that is ahead.
    ...(since !== null && { startTimeUnixNano: nanoseconds(Math.min(since, now)) }),
    timeUnixNano: nanoseconds(now),
    attributes: keyValues(Object.entries(labels)),
  }
}

function histogramOf({ buckets, sumMs }: Distribution): Omit<HistogramPoint, keyof Point> {
  return {
    count: buckets.reduce((sum, count) => sum + count, 0),
    sum: sumMs / 1_000,
    bucketCounts: buckets,
    explicitBounds: BOUNDS_MS.map((bound) => bound / 1_000),
  }
}

const nanoseconds = (milliseconds: number): string => `${milliseconds}000000`
