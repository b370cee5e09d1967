/** The signals of a collector of OpenTelemetry: each arrives, fails and is reported by itself. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, inject, test, vi } from "vitest"
import { exporterOf } from "../../src/export/exporter-stub.ts"
import type { ExporterState } from "../../src/export/exporter-state.ts"
import { FAILURES } from "../../src/export/destinations/failures.ts"
import { metricsExporterOf } from "../../src/export/metrics-exporter-stub.ts"
import { MetricsExporter } from "../../src/export/metrics-exporter.ts"
import { SAMPLERS, SIGNALS, type Sampler, type SinkDefinition } from "../../src/core/policy/definition/sinks.ts"
import { spanIdOf } from "../../src/core/encoding/trace-context.ts"
import { RecordLog } from "../../src/audit/record-log.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import {
  appendRecords,
  COLLECTOR,
  exportNow,
  LOG,
  sinkNetwork,
  stateOf,
  withSinks,
  type Received,
  type SinkNetwork,
} from "../harness/sinks.ts"
import { logged } from "../harness/worker-log.ts"

let net: SinkNetwork

beforeEach(() => {
  net = sinkNetwork()
})
freshIsolateForEach()

const ALL = { ...COLLECTOR, signals: SIGNALS, logs: ["records"] } as const satisfies SinkDefinition
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const traceWith = (flags: string): string => `${TRACE}-00f067aa0ba902b7-${flags}`

const at = (path: string): readonly Received[] => net.received.filter(({ url }) => new URL(url).pathname === path)
const recordsIn = ({ text }: Received): readonly string[] => text.match(/dec_[0-9A-Z]{26}/g) ?? []
const spansIn = ({ text }: Received) => JSON.parse(text).resourceSpans[0].scopeSpans[0].spans
const spans = () => at("/otlp/v1/traces").flatMap(spansIn)
const traces = () => exporterOf(env, `${ALL.id}.traces`, LOG)

async function exportTraces(): Promise<void> {
  await env.RECORD_LOG.getByName(LOG).seal()
  await traces().wake()
  await runDurableObjectAlarm(traces())
}
const measure = async (): Promise<boolean> => runDurableObjectAlarm(metricsExporterOf(env, ALL.id))

async function later(run: () => Promise<unknown>): Promise<void> {
  vi.setSystemTime(Date.now() + 600_000)
  await run()
  vi.useRealTimers()
}

describe("spans", () => {
  test("reach /v1/traces below the base URL, with the same key, one for each decision and none twice", async () => {
    await withSinks(ALL)
    const calls = await appendRecords(3, { trace: traceWith("01") })
    const [token] = await appendRecords(1, { kind: "exchange" })
    await appendRecords(2, { kind: "management" })
    for (let again = 0; again < 2; again++) await exportTraces()
    await exportNow(ALL)
    expect(spans().map(({ spanId }: { spanId: string }) => spanId)).toEqual([...calls, token ?? ""].map(spanIdOf))
    for (const path of ["/otlp/v1/traces", "/otlp/v1/logs"]) {
      expect(at(path)[0]?.headers.get("authorization")).toBe("Bearer collector")
      expect(at(path)[0]?.headers.get("content-encoding")).toBe("gzip")
    }
    expect(at("/otlp/v1/logs").flatMap(recordsIn)).toHaveLength(6)
    // What is no span is done all the same, without a request.
    expect(at("/otlp/v1/traces")).toHaveLength(1)
    expect(await traces().state()).toMatchObject({ next: 6, lag_records: 0, lost: [] })
  })

  const SENT = {
    always_on: ["00", "01", "02", "03", null],
    parentbased_always_on: ["01", "03", null],
    parentbased_always_off: ["01", "03"],
  } as const satisfies Readonly<Record<Sampler, readonly (string | null)[]>>

  test.each(SAMPLERS)("%s: an agent's flags decide no more than it says, and never about records", async (sampler) => {
    await withSinks({ ...ALL, sampler })
    const ids = new Map<string, string | null>()
    for (const flags of SENT.always_on) {
      const [id = ""] = await appendRecords(1, flags === null ? {} : { trace: traceWith(flags) })
      ids.set(spanIdOf(id), flags)
    }
    await exportTraces()
    await exportNow(ALL)
    expect(spans().map(({ spanId }: { spanId: string }) => ids.get(spanId))).toEqual(SENT[sampler])
    for (const { flags } of spans()) expect(flags & 1).toBe(1)
    expect(at("/otlp/v1/logs").flatMap(recordsIn)).toHaveLength(5)
  })

  test("a collector without a pipeline for them has each log once, and the spans once it has one", async () => {
    await withSinks(ALL)
    net.answer = ({ url }) => new Response("{}", { status: url.endsWith("/v1/traces") ? 404 : 200 })
    const before = await appendRecords(5)
    await exportNow(ALL)
    await exportTraces()
    const after = await appendRecords(2)
    await exportNow(ALL)
    await exportTraces()
    // An alarm of its own may run beside the one that the test runs, and then sends what came last twice.
    const logs = at("/otlp/v1/logs").flatMap(recordsIn)
    expect([logs.slice(0, 5), new Set(logs.slice(5))]).toEqual([before, new Set(after)])
    expect(await stateOf(ALL)).toMatchObject({ next: 7, lag_records: 0, last_failure: null })
    const state: ExporterState = await traces().state()
    expect(state).toMatchObject({ next: 0, lag_records: 7, lost: [] })
    expect(state.last_failure?.says).toBe(`${FAILURES.no_endpoint} (HTTP 404)`)
    expect(await scraped()).toMatchObject({
      failing: [
        ["logs", LOG, 0],
        ["traces", LOG, 1],
        ["metrics", "", 0],
      ],
    })
    net.answer = () => new Response("{}")
    await later(exportTraces)
    expect(
      new Set(
        spans()
          .slice(5)
          .map(({ spanId }: { spanId: string }) => spanId),
      ),
    ).toEqual(new Set([...before, ...after].map(spanIdOf)))
    expect(await traces().state()).toMatchObject({ next: 7, lag_records: 0 })
  })

  test("those that the collector drops are counted, and not sent again", async () => {
    await withSinks(ALL)
    await appendRecords(3)
    net.answer = () => Response.json({ partialSuccess: { rejectedSpans: "2", errorMessage: "too old" } })
    for (let again = 0; again < 2; again++) await exportTraces()
    expect(at("/otlp/v1/traces")).toHaveLength(1)
    expect(await traces().state()).toMatchObject({
      lost_records: 2,
      lost: [{ count: 2, why: expect.stringContaining("too old") }],
    })
  })

  test("name no person and no argument, which the log of the same decision has", async () => {
    await withSinks(ALL)
    await appendRecords(1, { user: "idp|alice", arguments: { to: "alice@example.org" }, path: "/mail/alice" })
    await exportTraces()
    await exportNow(ALL)
    expect(at("/otlp/v1/traces").map(({ text }) => text.includes("alice"))).toEqual([false])
    expect(at("/otlp/v1/logs").some(({ text }) => text.includes("alice"))).toBe(true)
  })

  test("stop when the sink takes them no more, and its logs go on", async () => {
    await withSinks(ALL)
    await withSinks({ ...ALL, signals: ["logs"] })
    await appendRecords(2)
    await exportTraces()
    await exportNow(ALL)
    expect(spans()).toEqual([])
    expect(at("/otlp/v1/logs").flatMap(recordsIn)).toHaveLength(2)
    expect((await env.RECORD_LOG.getByName(LOG).state()).sinks.map(({ name }) => name)).toEqual([ALL.id])
  })
})

/** What an operator's Prometheus reads. */
async function scraped() {
  const headers = { authorization: `Bearer ${inject("scrapeKey")}` }
  const text = await (await knock(new Request(`${US}/metrics`, { headers }))).text()
  const failing = Array.from(
    text.matchAll(/^narrowgate_sink_failing\{sink="collector",log="(.*)",signal="(.*)"\} (\d)$/gm),
    ([, log, signal, value]) => [signal, log, Number(value)] as const,
  )
  return { text, failing: failing.filter(([, log]) => log === LOG || log === "") }
}

interface Point {
  readonly startTimeUnixNano?: string
  readonly timeUnixNano: string
  readonly asDouble?: number
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue: string } }[]
}
interface Metric {
  readonly name: string
  readonly sum?: { readonly dataPoints: readonly Point[] }
  readonly gauge?: { readonly dataPoints: readonly Point[] }
}
const metricsIn = ({ text }: Received): readonly Metric[] => JSON.parse(text).resourceMetrics[0].scopeMetrics[0].metrics
const lastMetrics = (): readonly Metric[] => at("/otlp/v1/metrics").slice(-1).flatMap(metricsIn)
const pointsOf = (name: string): readonly Point[] => {
  const metric = lastMetrics().find((each) => each.name === name)
  return metric?.sum?.dataPoints ?? metric?.gauge?.dataPoints ?? []
}

describe("metrics", () => {
  test("are sent each minute, once for the deployment, and are what /metrics shows", async () => {
    await withSinks(ALL)
    const [first = ""] = await appendRecords(3, { decision: "allow", code: "ok", gateway: "edge", tool: "files.read" })
    await env.RECORD_LOG.getByName(LOG).seal()
    expect(await measure()).toBe(true)
    const began = Date.now()
    const next = await runInDurableObject(metricsExporterOf(env, ALL.id), (_exporter, { storage }) =>
      storage.getAlarm(),
    )
    expect(next).toBeGreaterThan(began + 50_000)
    expect(next).toBeLessThanOrEqual(began + 60_000)
    expect(at("/otlp/v1/metrics")).toHaveLength(1)
    const [decisions] = pointsOf("narrowgate_decisions")
    expect(decisions?.asDouble).toBe(3)
    const { at: firstAt } = JSON.parse((await env.RECORD_LOG.getByName(LOG).get(first))?.body ?? "{}")
    expect(decisions?.startTimeUnixNano).toBe(`${firstAt}000000`)
    // Publishing once more begins nothing anew.
    await withSinks(ALL)
    expect(at("/otlp/v1/metrics")).toHaveLength(1)
    await appendRecords(2, { decision: "allow", code: "ok", gateway: "edge", tool: "files.read" })
    await env.RECORD_LOG.getByName(LOG).seal()
    await measure()
    const [more] = pointsOf("narrowgate_decisions")
    expect(more).toMatchObject({ asDouble: 5, startTimeUnixNano: decisions?.startTimeUnixNano })
    const { text } = await scraped()
    expect(text).toContain(
      'narrowgate_decisions_total{kind="call",decision="allow",code="ok",gateway="edge",tool="files.read"} 5\n',
    )
    const names = new Set(Array.from(text.matchAll(/^# HELP (\w+)/gm), ([, name = ""]) => name.replace(/_total$/, "")))
    expect(new Set(lastMetrics().map(({ name }) => name))).toEqual(names)
    expect(pointsOf("narrowgate_lease_available").map(({ asDouble }) => asDouble)).toEqual([1])
  })

  test("that fail are named, and what comes next has all that was counted meanwhile", async () => {
    await withSinks(ALL)
    net.answer = () => new Response(null, { status: 404 })
    await measure()
    expect(logged("export_failed")).toContainEqual(
      expect.objectContaining({ exporter: `${ALL.id}.metrics`, error: `${FAILURES.no_endpoint} (HTTP 404)` }),
    )
    const bearer = await bearerOf("viewer")
    const { json } = await manage("GET", "/v1/sinks", bearer)
    const [listed] = Object(json).sinks
    expect(listed.metrics).toMatchObject({
      succeeded_at: null,
      last_failure: { says: `${FAILURES.no_endpoint} (HTTP 404)` },
    })
    expect((await scraped()).failing).toContainEqual(["metrics", "", 1])
    net.answer = () => new Response("{}")
    await appendRecords(4)
    await env.RECORD_LOG.getByName(LOG).seal()
    await measure()
    // The operator's read is a decision too, once its record has come.
    const calls = pointsOf("narrowgate_decisions").filter(({ attributes }) =>
      attributes.some(({ key, value }) => key === "kind" && value.stringValue === "call"),
    )
    expect(calls.map(({ asDouble }) => asDouble)).toEqual([4])
    expect((await scraped()).failing).toContainEqual(["metrics", "", 0])
  })

  test("of which a log is unavailable are not sent at all: no counter falls", async () => {
    await withSinks(ALL)
    await measure()
    vi.spyOn(RecordLog.prototype, "counts").mockRejectedValueOnce(new Error("unavailable, by a test"))
    await measure()
    expect(at("/otlp/v1/metrics")).toHaveLength(1)
    expect((await metricsExporterOf(env, ALL.id).state())?.last_failure?.says).toBe(FAILURES.failed)
  })

  test("wait as long as the collector says", async () => {
    await withSinks(ALL)
    net.answer = () => new Response(null, { status: 503, headers: { "retry-after": "1800" } })
    await measure()
    const next = await runInDurableObject(metricsExporterOf(env, ALL.id), (_exporter, { storage }) =>
      storage.getAlarm(),
    )
    expect(next).toBeGreaterThan(Date.now() + 1_700_000)
  })

  test("stop when the sink takes them no more", async () => {
    await withSinks(ALL)
    await measure()
    await withSinks({ ...ALL, signals: ["logs", "traces"] })
    // Until it looks up which bundle is the newest.
    await later(measure)
    expect(await measure()).toBe(false)
    expect(at("/otlp/v1/metrics")).toHaveLength(1)
    expect(
      await runInDurableObject(metricsExporterOf(env, ALL.id), (_exporter, { storage }) => [...storage.kv.list()]),
    ).toEqual([])
  })

  test("go on after an exception of any kind", async () => {
    await withSinks(ALL)
    vi.spyOn(MetricsExporter.prototype, "state").mockRejectedValueOnce(new Error("broken, by a test"))
    await measure()
    expect(await measure()).toBe(true)
  })
})

test.each(["http://collector.test", "https://10.1.2.3/otlp", "https://169.254.169.254/", "no url"])(
  "nothing is sent to %s, whatever the signal",
  async (url) => {
    await withSinks({ ...ALL, url })
    await appendRecords(1)
    await exportNow(ALL)
    await exportTraces()
    await measure()
    expect(net.received).toEqual([])
    const states = [await stateOf(ALL), await traces().state(), await metricsExporterOf(env, ALL.id).state()]
    expect(states.map((state) => state?.last_failure?.says)).toEqual(Array(3).fill(FAILURES.url_refused))
  },
)

test("records are sent once more as the signal that an operator names, or as each", async () => {
  await withSinks(ALL)
  await appendRecords(3)
  const bearer = await bearerOf("operator")
  const path = `/v1/sinks/${ALL.id}/backfill`
  const one = await manage("POST", path, bearer, {}, { from: 1, log: LOG, signal: "traces" })
  expect(one.json).toMatchObject({ logs: [{ signal: "traces", log: LOG, next: 1 }] })
  const both = await manage("POST", path, bearer, {}, { from: 2, log: LOG })
  expect(both.json).toMatchObject({ logs: [{ signal: "logs" }, { signal: "traces" }] })
  const none = await manage("POST", path, bearer, {}, { from: 1, log: "looks", signal: "traces" })
  expect(none).toMatchObject({ status: 404, code: "not_found" })
})
