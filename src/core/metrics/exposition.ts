/**
 * Samples as text for Prometheus: its own format 0.0.4, or OpenMetrics 1.0, which differ in the names of counters, in the
 * unit and in the end.
 */
import { BOUNDS_MS, METRICS, type Distribution, type MetricName, type Sample } from "./metric.ts"

export type ExpositionFormat = "prometheus" | "openmetrics"

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

/** @param accept of the scraper, which prefers OpenMetrics if it names it */
export function formatFor(accept: string | null): ExpositionFormat {
  return /\bapplication\/openmetrics-text\b/.test(accept ?? "") ? "openmetrics" : "prometheus"
}

export function exposition(samples: readonly Sample[], format: ExpositionFormat): string {
  const byName = Map.groupBy(samples, ({ name }) => name)
  const families = [...byName].map(([name, family]) => familyText(name, family, format))
  return families.join("") + (format === "openmetrics" ? "# EOF\n" : "")
}

function familyText(name: MetricName, samples: readonly Sample[], format: ExpositionFormat): string {
  const { type, doc } = METRICS[name]
  const series = seriesName(name)
  const family = format === "openmetrics" ? name : series
  const lines = samples.flatMap(({ labels, value }) =>
    typeof value === "number" ? [line(series, labels, value)] : distributionLines(name, labels, value),
  )
  return [`# HELP ${family} ${escaped(doc)}`, `# TYPE ${family} ${type}`, ...lines, ""].join("\n")
}

/** The name by which a query finds the series; those of a histogram have `_bucket`, `_sum` and `_count` at the end. */
export function seriesName(name: MetricName): string {
  return METRICS[name].type === "counter" ? `${name}_total` : name
}

function distributionLines(
  name: string,
  labels: Readonly<Record<string, string>>,
  { buckets, sumMs }: Distribution,
): readonly string[] {
  let count = 0
  const lines = buckets.map((more, at) => {
    count += more
    const bound = BOUNDS_MS[at]
    return line(`${name}_bucket`, { ...labels, le: bound === undefined ? "+Inf" : decimal(bound / 1_000) }, count)
  })
  return [...lines, line(`${name}_sum`, labels, sumMs / 1_000), line(`${name}_count`, labels, count)]
}

/** OpenMetrics wants a point in the values of `le`. */
const decimal = (value: number): string => (Number.isInteger(value) ? value.toFixed(1) : String(value))

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text).replaceAll('"', '\\"')}"`)
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`
}

const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
