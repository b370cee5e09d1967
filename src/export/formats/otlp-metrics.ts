/**
 * OpenTelemetry metrics: a body of `POST /v1/metrics` in OTLP's JSON (opentelemetry/proto/metrics/v1), of the samples that
 * `/metrics` shows. Counters are cumulative, and go back to before the deployment's first record, so their start is not
 * stated: a receiver takes the first value that it gets for the start ("Unknown start time").
 */
import { BOUNDS_MS, METRICS, type Distribution, type MetricName, type Sample } from "../../core/metrics/metric.ts"
import { keyValues, type KeyValue } from "./otlp-values.ts"

interface Point {
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
  const metrics = Array.from(families, ([name, family]) => metricOf(name, family, `${now}000000`))
  const resource = {
    attributes: keyValues([
      ["service.name", "narrowgate"],
      ["service.instance.id", issuer],
    ]),
  }
  return JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "narrowgate" }, metrics }] }] })
}

function metricOf(name: MetricName, samples: readonly Sample[], timeUnixNano: string) {
  const { doc: description, unit } = METRICS[name]
  return { name, description, unit, ...dataOf(name, samples, timeUnixNano) }
}

function dataOf(name: MetricName, samples: readonly Sample[], timeUnixNano: string): Data {
  const numbers = samples.flatMap(({ labels, value }): readonly NumberPoint[] =>
    typeof value === "number" ? [{ timeUnixNano, attributes: keyValues(Object.entries(labels)), asDouble: value }] : [],
  )
  const { type } = METRICS[name]
  if (type === "gauge") return { gauge: { dataPoints: numbers } }
  if (type === "counter") return { sum: { dataPoints: numbers, aggregationTemporality: CUMULATIVE, isMonotonic: true } }
  const dataPoints = samples.flatMap(({ labels, value }) =>
    typeof value === "number" ? [] : [histogramPoint(labels, value, timeUnixNano)],
  )
  return { histogram: { dataPoints, aggregationTemporality: CUMULATIVE } }
}

function histogramPoint(
  labels: Readonly<Record<string, string>>,
  { buckets, sumMs }: Distribution,
  timeUnixNano: string,
): HistogramPoint {
  return {
    timeUnixNano,
    attributes: keyValues(Object.entries(labels)),
    count: buckets.reduce((sum, count) => sum + count, 0),
    sum: sumMs / 1_000,
    bucketCounts: buckets,
    explicitBounds: BOUNDS_MS.map((bound) => bound / 1_000),
  }
}
