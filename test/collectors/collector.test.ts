/** Real sinks, by what others have written: OpenTelemetry's collector, a server with the API of S3, OCSF's own schema. */
import { execFileSync } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { gunzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { startProcess, type ServerProcess } from "../../bench/servers/process.ts"
import { OCSF } from "../../src/export/formats/ocsf.ts"
import { spanIdOf } from "../../src/core/encoding/trace-context.ts"
import { RECORD_KINDS, SIGNALS, type Signal } from "../../src/core/policy/definition/sinks.ts"
import { FAILURES } from "../../src/export/destinations/failures.ts"
import { BUILD_WITHIN_MS } from "../node/bare-workerd.ts"
import { batchWith, CONTEXT, WHOLE } from "../node/export/whole-record.ts"
import { COMMON, exporting, OTLP, portOf, recordsFrom } from "./exporting.ts"
import { INSTALLED } from "./installed.ts"

const LOG = "records-0"
const AT = Date.UTC(2026, 10, 29, 12)
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const WAIT = { timeout: 20_000, interval: 100 }
const programs = INSTALLED ?? { collector: "", s3: "", python: "" }
let directory: string
const servers: ServerProcess[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-sinks-"))
})
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true, maxRetries: 3 })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  const port = await portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** With a pipeline for each of these signals, which writes what it gets to a file. */
async function startCollector(name: string, signals: readonly Signal[]) {
  const port = await freePort()
  const config = join(directory, `${name}.yaml`)
  const written = { logs: "", traces: "", metrics: "" }
  for (const signal of signals) written[signal] = join(directory, `${name}-${signal}.json`)
  const exporters = signals.map(
    (signal) => `  file/${signal}: { path: ${JSON.stringify(written[signal])}, flush_interval: 100ms }`,
  )
  const pipelines = signals.map((signal) => `    ${signal}: { receivers: [otlp], exporters: [file/${signal}] }`)
  await writeFile(
    config,
    `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
exporters:
${exporters.join("\n")}
service:
  telemetry: { metrics: { level: none } }
  pipelines:
${pipelines.join("\n")}
`,
  )
  const collector = startProcess({ command: programs.collector, args: ["--config", config], directory })
  servers.push(collector)
  await untilListening(port, collector)
  return { port, written, collector }
}

/** What the collector has written: the items of each scope of each resource, in their order. */
async function itemsIn(file: string, ...path: readonly string[]): Promise<readonly object[]> {
  const requests = (await readFile(file, "utf8")).trimEnd().split("\n").filter(Boolean)
  return path.reduce<readonly object[]>(
    (all, name) => all.flatMap((each) => Object(each)[name]),
    requests.map((line) => JSON.parse(line)),
  )
}

async function untilListening(port: number, server: ServerProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
    if (answered) return
    await sleep(100)
  }
  throw new Error(`it did not start:\n${server.complaints()}`)
}

describe.skipIf(!INSTALLED)("real sinks", { timeout: BUILD_WITHIN_MS + 60_000 }, () => {
  test("OpenTelemetry's collector has every record, each once, with its place in the log", async () => {
    const { port, written } = await startCollector("logs-alone", ["logs"])
    const sink = { ...COMMON, ...OTLP, id: "collector", url: `http://127.0.0.1:${port}` } as const
    await using narrowgate = await exporting([sink], [LOG])
    const records = [...recordsFrom(AT, 1_234), { id: WHOLE.id, body: JSON.stringify(WHOLE) }]
    for (let from = 0; from < records.length; from += 500) await narrowgate.append(LOG, records.slice(from, from + 500))
    await narrowgate.wake(sink.id, LOG)
    await vi.waitFor(async () => expect((await narrowgate.state(sink.id, LOG)).next).toBe(records.length), {
      timeout: 20_000,
      interval: 100,
    })
    await sleep(500)
    const logged = await itemsIn(written.logs, "resourceLogs", "scopeLogs", "logRecords")
    const valueOf = (record: object, key: string): string =>
      String(Object.values(Object(record).attributes.find((each: { key: string }) => each.key === key)?.value ?? {})[0])
    const decisions = logged.filter((record: object) => Object(record).eventName === "narrowgate.decision")
    expect(decisions.map((record: object) => valueOf(record, "narrowgate.id"))).toEqual(records.map(({ id }) => id))
    expect(decisions.map((record: object) => valueOf(record, "narrowgate.index"))).toEqual(
      records.map((_, at) => String(at)),
    )
    const whole = decisions.at(-1) ?? {}
    expect(Object(whole)).toMatchObject({ severityText: "WARN", timeUnixNano: `${WHOLE.at}000000` })
    expect(valueOf(whole, "gen_ai.tool.name")).toBe(WHOLE.tool)
  })

  test("a collector with three pipelines has each span once by its id, and counters that grow; the process is killed between", async () => {
    const { port, written } = await startCollector("all", SIGNALS)
    const sink = { ...COMMON, ...OTLP, id: "all", url: `http://127.0.0.1:${port}/`, signals: SIGNALS } as const
    await using narrowgate = await exporting([sink], [LOG])
    const hostile = [
      `${TRACE}-00f067aa0ba902b7-01`,
      // Says that it is not sampled, so that its spans are left out; its records are not.
      `${TRACE}-00f067aa0ba902b7-00`,
      // No reader of `traceparent` makes such a record: a collector has to take what there is all the same.
      `${"f".repeat(32)}-${"f".repeat(16)}-03`,
    ]
    const records = [
      ...recordsFrom(AT, 1_000),
      ...hostile.flatMap((trace, at) => recordsFrom(AT + 1_000 + at * 100, 100, { trace })),
    ]
    const half = records.length / 2
    await narrowgate.append(LOG, records.slice(0, half))
    for (const stream of ["all", "all.traces"]) await narrowgate.wake(stream, LOG)
    await narrowgate.killAndStart()
    await narrowgate.append(LOG, records.slice(half))
    for (const stream of ["all", "all.traces"]) {
      await narrowgate.wake(stream, LOG)
      await vi.waitFor(async () => expect((await narrowgate.state(stream, LOG)).next).toBe(records.length), WAIT)
    }
    await vi.waitFor(async () => expect((await narrowgate.metricsState("all")).succeeded_at).not.toBeNull(), WAIT)
    await sleep(500)
    const spans = (await itemsIn(written.traces, "resourceSpans", "scopeSpans", "spans")).map((span) => Object(span))
    const sampled = records.filter((_, at) => at < 1_100 || at >= 1_200)
    expect(new Set(spans.map(({ spanId }) => spanId))).toEqual(new Set(sampled.map(({ id }) => spanIdOf(id))))
    const ofTrace = spans.filter(({ traceId }) => traceId === TRACE)
    expect(new Set(ofTrace.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set(["00f067aa0ba902b7"]))
    const logs = await itemsIn(written.logs, "resourceLogs", "scopeLogs", "logRecords")
    const decisions = logs.filter((record) => Object(record).eventName === "narrowgate.decision")
    expect(new Set(decisions.map((record) => Object(record).spanId))).toEqual(
      new Set(records.map(({ id }) => spanIdOf(id))),
    )
    const metrics = await itemsIn(written.metrics, "resourceMetrics", "scopeMetrics", "metrics")
    const counted = metrics
      .filter((metric) => Object(metric).name === "narrowgate_records")
      .map((metric) => Object(metric))
    const last = counted.at(-1).sum.dataPoints.find((point: object) => JSON.stringify(point).includes(`"${LOG}"`))
    expect(last).toMatchObject({ startTimeUnixNano: `${AT}000000`, asDouble: records.length })
    expect(counted.at(-1).sum).toMatchObject({ aggregationTemporality: 2, isMonotonic: true })
  })

  test("a collector with a pipeline for logs alone has these once each, and each other signal says what is missing", async () => {
    const { port, written } = await startCollector("logs-of-three", ["logs"])
    const sink = { ...COMMON, ...OTLP, id: "logs", url: `http://127.0.0.1:${port}`, signals: SIGNALS } as const
    await using narrowgate = await exporting([sink], [LOG])
    const records = recordsFrom(AT, 200)
    await narrowgate.append(LOG, records)
    for (const stream of ["logs", "logs.traces"]) await narrowgate.wake(stream, LOG)
    await vi.waitFor(async () => expect((await narrowgate.state("logs", LOG)).next).toBe(records.length), WAIT)
    const says = `${FAILURES.no_endpoint} (HTTP 404)`
    await vi.waitFor(async () => {
      const { last_failure, next, lag_records } = await narrowgate.state("logs.traces", LOG)
      expect({ says: last_failure?.says, next, lag_records }).toEqual({ says, next: 0, lag_records: 200 })
    }, WAIT)
    await vi.waitFor(async () => expect((await narrowgate.metricsState("logs")).last_failure?.says).toBe(says), WAIT)
    await sleep(500)
    const logs = await itemsIn(written.logs, "resourceLogs", "scopeLogs", "logRecords")
    const decisions = logs.filter((record) => Object(record).eventName === "narrowgate.decision")
    expect(decisions.map((record) => Object(record).spanId)).toEqual(records.map(({ id }) => spanIdOf(id)))
  })

  test("a server with the API of S3 accepts the signatures and has every record", async () => {
    const port = await freePort()
    const secrets = { id: "AKIANARROWGATE", key: "the-key-of-this-test", "wrong-key": "another-key-of-it" }
    const store = join(directory, "s3")
    await mkdir(join(store, "records"), { recursive: true })
    const server = startProcess({
      command: programs.s3,
      args: ["--port", `127.0.0.1:${port}`, "--region", "eu-test-1", "posix", store],
      environment: { ROOT_ACCESS_KEY_ID: secrets.id, ROOT_SECRET_ACCESS_KEY: secrets.key },
      directory,
    })
    servers.push(server)
    await untilListening(port, server)
    const common = { ...COMMON, kind: "s3", format: "records", region: "eu-test-1", accessKey: "id" } as const
    const url = `http://127.0.0.1:${port}/records/narrowgate`
    const [good, wrong] = [
      { ...common, id: "archive", url, secretKey: "key" },
      { ...common, id: "wrong", url, secretKey: "wrong-key" },
    ] as const
    await using narrowgate = await exporting([good, wrong], [LOG], secrets)
    const records = recordsFrom(AT, 1_200)
    for (let from = 0; from < records.length; from += 400) await narrowgate.append(LOG, records.slice(from, from + 400))
    for (const { id } of [good, wrong]) await narrowgate.wake(id, LOG)
    await vi.waitFor(async () => expect((await narrowgate.state("archive", LOG)).next).toBe(1_200), {
      timeout: 20_000,
      interval: 100,
    })
    await vi.waitFor(async () => {
      const { last_failure, next } = await narrowgate.state("wrong", LOG)
      expect({ says: last_failure?.says, next }).toEqual({
        says: "The sink refused the request. (HTTP 403: SignatureDoesNotMatch)",
        next: 0,
      })
    })
    const folder = join(store, "records/narrowgate", `log=${LOG}`, "date=2026-11-29")
    const names = (await readdir(folder)).filter((name) => name.endsWith(".ndjson.gz")).toSorted()
    expect(names[0]).toBe("000000000000-000000000500.ndjson.gz")
    const texts = await Promise.all(
      names.map(async (name) => gunzipSync(await readFile(join(folder, name))).toString()),
    )
    const lines = texts.flatMap((text) => text.trimEnd().split("\n")).map((line) => Object(JSON.parse(line)))
    expect(lines.filter(({ id }) => id !== undefined).map(({ id }) => id)).toEqual(records.map(({ id }) => id))
  })

  test("OCSF's own schema finds nothing wrong with any event", () => {
    const variants = RECORD_KINDS.flatMap((kind) =>
      [
        {},
        { decision: "allow", code: "ok", denial: null },
        { operator: null },
        { operator: null, user: null, chain: [] },
        { tool: null, action: null, path: null, method: null, operator: null, task: null, token_hash: null },
      ].map((change) => ({ ...WHOLE, kind, ...change })),
    )
    // As they are stored: without what is blank.
    const stored = [
      ...variants,
      ...RECORD_KINDS.map((kind) => ({ id: WHOLE.id, at: WHOLE.at, kind, decision: "allow", code: "ok" })),
    ]
    const text = stored.map((record) => OCSF.write(batchWith(withoutNull(record)), CONTEXT)).join("")
    const script = join(import.meta.dirname, "ocsf-valid.py")
    const { problems, counts } = JSON.parse(execFileSync(programs.python, [script], { input: text, encoding: "utf8" }))
    expect(problems).toEqual([])
    expect(counts).toEqual({ api_activity: 29, authorize_session: 1, base_event: 30 })
  })
})

const withoutNull = (record: object): object =>
  Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0)),
  )
