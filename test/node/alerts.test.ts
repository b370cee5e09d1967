/** Alert rules can only fire on what is measured: each name in them is one of `METRICS`. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { parse } from "yaml"
import { z } from "zod"
import { seriesName } from "../../src/core/metrics/exposition.ts"
import { isMetricName, METRICS } from "../../src/core/metrics/metric.ts"
import { CODES } from "../../src/core/denials/terms/code.ts"
import { STEPS } from "../../src/core/record/fields/trace.ts"
import { ROOT } from "./bare-workerd.ts"

const FILE = join(ROOT, "docs/operate/alerts.yaml")
const rule = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(["critical", "warning", "info"]) }),
  annotations: z.strictObject({ runbook_url: z.string(), summary: z.string() }),
})
const file = z.strictObject({ groups: z.tuple([z.strictObject({ name: z.string(), rules: z.array(rule) })]) })

/** Those that Prometheus adds. */
const LABELS_OF_PROMETHEUS = ["job", "instance"]

/** Every series by which a rule can select, with its labels. */
const SERIES: ReadonlyMap<string, readonly string[]> = new Map([
  ["up", []],
  ...Object.keys(METRICS)
    .filter(isMetricName)
    .flatMap((name): [string, readonly string[]][] => {
      const { type, labels } = METRICS[name]
      if (type !== "histogram") return [[seriesName(name), labels]]
      return [
        [`${name}_bucket`, [...labels, "le"]],
        [`${name}_sum`, labels],
        [`${name}_count`, labels],
      ]
    }),
])

let rules: readonly z.infer<typeof rule>[] = []
beforeAll(async () => {
  rules = file.parse(parse(await readFile(FILE, "utf8"))).groups[0].rules
})

interface Selector {
  readonly series: string
  readonly matchers: readonly (readonly [label: string, value: string])[]
}
function selectorsIn(expr: string): readonly Selector[] {
  return Array.from(expr.matchAll(/\b(up|narrowgate_\w+)(?:\{([^}]*)\})?/g), ([, series = "", matchers = ""]) => ({
    series,
    matchers: Array.from(matchers.matchAll(/(\w+)(?:=~?|!=|!~)"([^"]*)"/g), ([, label = "", value = ""]) => [
      label,
      value,
    ]),
  }))
}
const groupedBy = (expr: string): readonly string[] =>
  Array.from(expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g), ([, labels = ""]) => labels.split(/, */))
    .flat()
    .filter(Boolean)

describe("each rule", () => {
  test("selects series that there are, by labels that they have, and by values that they can have", () => {
    expect(rules.length).toBeGreaterThan(15)
    for (const { alert, expr } of rules) {
      const selectors = selectorsIn(expr)
      expect(selectors.length, alert).toBeGreaterThan(0)
      for (const { series, matchers } of selectors) {
        expect([...SERIES.keys()], alert).toContain(series)
        for (const [label, value] of matchers) {
          expect([...(SERIES.get(series) ?? []), ...LABELS_OF_PROMETHEUS], alert).toContain(label)
          if (label === "code") expect([...Object.keys(CODES), "ok"], alert).toContain(value)
          if (label === "decision") expect(["allow", "deny"], alert).toContain(value)
          if (label === "step") expect(STEPS, alert).toContain(value)
        }
      }
    }
  })

  test("groups by labels that all its series have, and names no other in its sentence", () => {
    for (const { alert, expr, annotations } of rules) {
      const shared = selectorsIn(expr)
        .filter(({ series }) => series !== "up")
        .map(({ series }) => SERIES.get(series) ?? [])
      for (const label of groupedBy(expr)) {
        for (const labels of shared) expect(labels, `${alert}: ${label}`).toContain(label)
      }
      const left = /\bby \(/.test(expr) ? groupedBy(expr).filter((label) => label !== "le") : shared.flat()
      const named = Array.from(annotations.summary.matchAll(/\$labels\.(\w+)/g), ([, label = ""]) => label)
      for (const label of named) expect([...left, ...LABELS_OF_PROMETHEUS], alert).toContain(label)
    }
  })

  test("is explained on its page, in the same order, and has a test of its own for Prometheus", async () => {
    const page = await readFile(join(ROOT, "docs/operate/alerts.md"), "utf8")
    const names = rules.map(({ alert }) => alert)
    expect(Array.from(page.matchAll(/^\| `(\w+)`/gm), ([, name]) => name)).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
    const tests = await readFile(join(ROOT, "test/metrics/alerts.test.yaml"), "utf8")
    const fired = Array.from(tests.matchAll(/alertname: (\w+)/g), ([, name = ""]) => name)
    expect([...new Set(fired)].toSorted()).toEqual(names.toSorted())
  })

  test("has a runbook on the page that it names, in the same order", async () => {
    const page = await readFile(join(ROOT, "docs/operate/alert-runbooks.md"), "utf8")
    const headings = Array.from(page.matchAll(/^## (.+)$/gm), ([, heading = ""]) => heading)
    expect(headings).toEqual(rules.map(({ alert }) => alert))
    for (const { alert, annotations } of rules)
      expect(annotations.runbook_url).toBe(`alert-runbooks.md#${alert.toLowerCase()}`)
  })
})
