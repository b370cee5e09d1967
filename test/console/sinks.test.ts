/** The sinks on the page of decisions: what operators look for when records do not arrive. */
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, expect, test, vi } from "vitest"
import { SIGNALS } from "../../src/core/policy/definition/sinks.ts"
import { Exporter } from "../../src/export/exporter.ts"
import type { ExporterState } from "../../src/export/exporter-state.ts"
import { MetricsExporter } from "../../src/export/metrics-exporter.ts"
import { metricsExporterOf } from "../../src/export/metrics-exporter-stub.ts"
import { visitorAs } from "../harness/browsing.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { appendRecords, COLLECTOR, exportNow, LAKE, LOG, sinkNetwork, withSinks } from "../harness/sinks.ts"

beforeEach(async () => withSinks(LAKE, { ...COLLECTOR, logs: ["strangers"] }))
freshIsolateForEach()

/** Without tags, as a reader has it. */
async function page(): Promise<string> {
  const html = await (await (await visitorAs("viewer")).get("/console/live")).text()
  return html.replace(/<[^>]+>/g, " ").replace(/\s+/g, " ")
}

test("each sink has a line: what it lacks, and why", async () => {
  const net = sinkNetwork()
  await appendRecords(3)
  await exportNow(LAKE)
  expect(await page()).toMatch(
    /up to date lake \(ocsf\) has everything\. .*up to date collector \(otlp\) has everything\./,
  )
  net.answer = () => new Response(null, { status: 503 })
  await appendRecords(2)
  await exportNow(LAKE)
  const seen = await page()
  expect(seen).toMatch(
    /failing lake \(ocsf\) lacks \d+ records, the oldest \d+ s old\. Last failure .*The sink failed\. \(HTTP 503\)/,
  )
  expect(seen).toMatch(new RegExp(`lake ${LOG} 2, \\d+ s old 3 `))
  for (const secret of [LAKE.url, "collector-key"]) expect(seen).not.toContain(secret)
})

test("a full log, lost records, and a state that cannot be read are said; what a sink answered is text", async () => {
  sinkNetwork()
  const state: ExporterState = {
    log: LOG,
    next: 4,
    lag_records: 1,
    lag_seconds: 7,
    succeeded_at: null,
    last_failure: { at: Date.now(), says: "<b>bold</b>" },
    waits_until: null,
    lost_records: 6,
    lost: [],
    denies: true,
  }
  vi.spyOn(Exporter.prototype, "state").mockResolvedValue(state)
  const full = await page()
  expect(full).toContain("full lake (ocsf) lacks 6 records, the oldest 7 s old.")
  expect(full).toContain("&lt;b&gt;bold&lt;/b&gt;")
  expect(full).toContain("36 records were not exported")
  expect(full).toContain("Calls are denied, because the log has no room")
  vi.spyOn(Exporter.prototype, "state").mockRejectedValue(new Error("down, by a test"))
  const unknown = await page()
  expect(unknown).toContain("unavailable collector (otlp)")
  expect(unknown).toContain("The state for strangers could not be read.")
})

test("spans and metrics that fail are said of their sink, and what it lacks is not counted for each signal", async () => {
  const sink = { ...COLLECTOR, signals: SIGNALS, logs: ["records"] } as const
  await withSinks(sink)
  const net = sinkNetwork()
  await appendRecords(2)
  await env.RECORD_LOG.getByName(LOG).seal()
  expect(await page()).toMatch(/behind collector \(otlp\) lacks 2 records, /)
  net.answer = ({ url }) => new Response("{}", { status: url.endsWith("/v1/metrics") ? 404 : 200 })
  await exportNow(sink)
  await runDurableObjectAlarm(metricsExporterOf(env, sink.id))
  expect(await page()).toMatch(/failing collector \(otlp\) .*no pipeline for it.* \(HTTP 404\)/)
  vi.spyOn(MetricsExporter.prototype, "state").mockRejectedValue(new Error("down, by a test"))
  expect(await page()).toMatch(/unavailable collector \(otlp\) .*The state for metrics could not be read\./)
})

test("without sinks there is no such section", async () => {
  await publish(await yard())
  expect(await page()).not.toContain("Sinks")
})
