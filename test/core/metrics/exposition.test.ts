/** The text that a scraper gets; `npm run test:metrics` has Prometheus itself read it. */
import { expect, test } from "vitest"
import { exposition, formatFor } from "../../../src/core/metrics/exposition.ts"
import { sample } from "../../../src/core/metrics/metric.ts"

const SAMPLES = [
  sample("narrowgate_decisions", { kind: "call", decision: "deny", code: "ok", gateway: 'a"b\\c\nd', tool: "é" }, 3),
  sample(
    "narrowgate_wait_seconds",
    { step: "lease" },
    { buckets: [1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], sumMs: 6_010 },
  ),
  sample("narrowgate_lease_available", {}, 1),
]

test("Prometheus: counters end in _total, buckets add up, labels are escaped", () => {
  const lines = exposition(SAMPLES, "prometheus").split("\n")
  expect(lines).toContain("# TYPE narrowgate_decisions_total counter")
  expect(lines).toContain(
    'narrowgate_decisions_total{kind="call",decision="deny",code="ok",gateway="a\\"b\\\\c\\nd",tool="é"} 3',
  )
  expect(lines.filter((line) => line.startsWith("narrowgate_wait_seconds"))).toEqual([
    ...["0.001", "0.002"].map((le) => `narrowgate_wait_seconds_bucket{step="lease",le="${le}"} 1`),
    ...["0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1.0", "2.0", "5.0"].map(
      (le) => `narrowgate_wait_seconds_bucket{step="lease",le="${le}"} 3`,
    ),
    'narrowgate_wait_seconds_bucket{step="lease",le="+Inf"} 4',
    'narrowgate_wait_seconds_sum{step="lease"} 6.01',
    'narrowgate_wait_seconds_count{step="lease"} 4',
  ])
  expect(lines).toContain("narrowgate_lease_available 1")
  expect(lines.at(-1)).toBe("")
})

test("OpenMetrics: a counter's family has no _total, and the text an end", () => {
  const text = exposition(SAMPLES, "openmetrics")
  expect(text).toContain("# TYPE narrowgate_decisions counter\n")
  expect(text).toContain("\nnarrowgate_decisions_total{")
  expect(text.endsWith("\n# EOF\n")).toBe(true)
  expect(formatFor("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")).toBe("openmetrics")
  expect(formatFor("text/plain")).toBe("prometheus")
  expect(formatFor(null)).toBe("prometheus")
})
