/** An exporter: what reaches its sink whatever goes wrong there, what it says about it, and what it never loses. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { RecordLog } from "../../src/audit/record-log.ts"
import type { SinkDefinition } from "../../src/core/policy/definition/sinks.ts"
import { exporterOf } from "../../src/export/exporter-stub.ts"
import { FAILURES } from "../../src/export/destinations/failures.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import {
  appendRecords,
  ARCHIVE,
  COLLECTOR,
  exportNow,
  idsIn,
  LAKE,
  LOG,
  sinkNetwork,
  stateOf,
  withSinks,
  type Received,
  type SinkNetwork,
} from "../harness/sinks.ts"

let net: SinkNetwork

beforeEach(() => {
  net = sinkNetwork()
})
freshIsolateForEach()

/** The pause after a failure is over. */
async function afterPause(sink: SinkDefinition): Promise<void> {
  vi.setSystemTime(Date.now() + 600_000)
  await exportNow(sink)
  vi.useRealTimers()
}

/** What has records: a log signs checkpoints when it suits it. */
const withRecords = () => net.received.filter((each) => idsIn(each).length > 0)
const ids = () => net.received.flatMap(idsIn)

test("records reach a sink in their order, in batches as long as it says, and none twice", async () => {
  await withSinks({ ...LAKE, batch: { records: 40, bytes: 1_000_000 } })
  const all = [...(await appendRecords(70)), ...(await appendRecords(30))]
  await exportNow(LAKE)
  expect(withRecords().map((each) => idsIn(each).length)).toEqual([40, 40, 20])
  expect(ids()).toEqual(all)
  await exportNow(LAKE)
  expect(withRecords()).toHaveLength(3)
  expect(await stateOf(LAKE)).toMatchObject({ next: 100, lag_records: 0, lag_seconds: 0, last_failure: null, lost: [] })
  expect((await stateOf(LAKE)).succeeded_at).not.toBeNull()
})

test("a sink begins with the records of the moment at which it was published", async () => {
  await appendRecords(3)
  await withSinks(LAKE)
  const later = await appendRecords(2)
  await exportNow(LAKE)
  expect(ids()).toEqual(later)
})

test("a sink gets the kinds that it takes, and only those", async () => {
  await withSinks({ ...LAKE, kinds: ["exchange", "end"] })
  await appendRecords(2)
  const taken = await appendRecords(2, { kind: "exchange" })
  await appendRecords(1, { kind: "management" })
  await exportNow(LAKE)
  expect(ids()).toEqual(taken)
  expect(await stateOf(LAKE)).toMatchObject({ next: 5, lag_records: 0 })
})

test("a collector of OpenTelemetry gets the key that the secret has, and where each record stands", async () => {
  await withSinks(COLLECTOR)
  const [id] = await appendRecords(1)
  await exportNow(COLLECTOR)
  const [request] = net.received
  expect(request?.url).toBe("https://collector.test/otlp/v1/logs")
  expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({
    authorization: "Bearer collector",
    "content-type": "application/json",
    "content-encoding": "gzip",
  })
  const { attributes } = JSON.parse(request?.text ?? "").resourceLogs[0].scopeLogs[0].logRecords[0]
  expect(attributes).toEqual(
    expect.arrayContaining([
      { key: "narrowgate.id", value: { stringValue: id } },
      { key: "narrowgate.log", value: { stringValue: LOG } },
      { key: "narrowgate.index", value: { intValue: 0 } },
    ]),
  )
})

/** Of either format. */
const recordsOf = ({ text }: Received): readonly string[] => text.match(/dec_[0-9A-Z]{26}/g) ?? []

const s3Error = (code: string, status = 403) =>
  new Response(`<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>No.</Message></Error>`, { status })

describe("what a sink answers", () => {
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new TextEncoder().encode("{".repeat(4_096))),
      }),
    )
  test.each<[string, SinkDefinition, SinkNetwork["answer"], string]>([
    ["nothing in time", LAKE, () => Object.assign(new Error("late"), { name: "TimeoutError" }), FAILURES.timeout],
    ["nothing at all", LAKE, () => new Error("refused"), FAILURES.unreachable],
    [
      "a redirect",
      LAKE,
      () => new Response(null, { status: 307, headers: { location: "https://else.test" } }),
      FAILURES.redirected,
    ],
    ["429", LAKE, () => new Response(null, { status: 429 }), FAILURES.throttled],
    ["403", LAKE, () => new Response(null, { status: 403 }), FAILURES.refused],
    ["500", LAKE, () => new Response(null, { status: 500 }), FAILURES.failing],
    ["410", LAKE, () => new Response(null, { status: 410 }), FAILURES.gone],
    ["a page of another server", COLLECTOR, () => new Response("<html>Sign in</html>"), FAILURES.answer_unknown],
    ["without end", COLLECTOR, endless, FAILURES.answer_endless],
  ])("%s: it is named, and the same records are sent again once the sink works", async (_name, sink, answer, says) => {
    await withSinks(sink)
    await appendRecords(5)
    net.answer = answer
    // The pauses are shorter than what a test may wait for.
    vi.setSystemTime(Date.now())
    await exportNow(sink)
    const failed = await stateOf(sink)
    expect(failed.last_failure?.says.startsWith(says)).toBe(true)
    expect(failed).toMatchObject({ next: 0, lag_records: 5, succeeded_at: null, lost: [] })
    expect(failed.waits_until).toBeGreaterThan(Date.now())
    // More has come, and the failed request may have arrived: a repetition has the same records.
    await appendRecords(5)
    await exportNow(sink)
    expect(net.received).toHaveLength(1)
    net.answer = () => new Response("{}")
    await afterPause(sink)
    const [first, second] = net.received
    expect(first && recordsOf(first)).toHaveLength(5)
    expect(second && recordsOf(second)).toEqual(first && recordsOf(first))
    expect(await stateOf(sink)).toMatchObject({ next: 10, lag_records: 0, lost: [], waits_until: null })
  })

  test.each<[string, () => Response, string]>([
    [
      "its code",
      () => s3Error("SignatureDoesNotMatch"),
      "The sink refused the request. (HTTP 403: SignatureDoesNotMatch)",
    ],
    ["no code", () => new Response(null, { status: 403 }), "The sink refused the request. (HTTP 403)"],
    ["a code that is none", () => s3Error("\u001B[31mAccess Denied"), "The sink refused the request. (HTTP 403)"],
    ["a code without end", () => s3Error("A".repeat(65)), "The sink refused the request. (HTTP 403)"],
    [
      "a page without end",
      () => new Response(endless().body, { status: 403 }),
      "The sink refused the request. (HTTP 403)",
    ],
    ["that it is slowed down", () => s3Error("SlowDown", 503), "The sink failed. (HTTP 503: SlowDown)"],
  ])("an error of S3 with %s", async (_name, answer, says) => {
    await withSinks(ARCHIVE)
    await appendRecords(1)
    net.answer = answer
    await exportNow(ARCHIVE)
    expect((await stateOf(ARCHIVE)).last_failure?.says).toBe(says)
  })

  test("partial success: what was dropped is reported, and never sent again", async () => {
    await withSinks(COLLECTOR)
    await appendRecords(5)
    net.answer = () => Response.json({ partialSuccess: { rejectedLogRecords: "2", errorMessage: "no room" } })
    await exportNow(COLLECTOR)
    await exportNow(COLLECTOR)
    expect(net.received.filter((each) => recordsOf(each).length > 0)).toHaveLength(1)
    const { next, lost, lost_records } = await stateOf(COLLECTOR)
    expect({ next, lost_records }).toEqual({ next: 5, lost_records: 2 })
    expect(lost).toMatchObject([{ from: 0, to: 5, count: 2, why: expect.stringContaining("no room") }])
  })

  test("a sink that takes a request again has got it, also if it drops some records of it", async () => {
    await withSinks(COLLECTOR)
    await appendRecords(5)
    net.answer = () => new Response(null, { status: 503 })
    await exportNow(COLLECTOR)
    net.answer = () => Response.json({ partialSuccess: { rejectedLogRecords: 2 } })
    await afterPause(COLLECTOR)
    const { next, lost_records, succeeded_at, last_failure } = await stateOf(COLLECTOR)
    expect({ next, lost_records }).toEqual({ next: 5, lost_records: 2 })
    expect(succeeded_at).toBeGreaterThan(last_failure?.at ?? Infinity)
  })

  test("what an operator passes over is lost, until it is sent after all", async () => {
    await withSinks(COLLECTOR)
    net.answer = () => new Response(null, { status: 503 })
    await appendRecords(5)
    await exportNow(COLLECTOR)
    await exporterOf(env, COLLECTOR.id, LOG).backfill(3)
    expect(await stateOf(COLLECTOR)).toMatchObject({ next: 3, lost_records: 3, lost: [{ from: 0, to: 3, count: 3 }] })
    await exporterOf(env, COLLECTOR.id, LOG).backfill("start")
    expect(await stateOf(COLLECTOR)).toMatchObject({ next: 0, lost_records: 0, lost: [] })
  })

  test.each<[string, object, number]>([
    ["more than there were", { rejectedLogRecords: "1e300", errorMessage: "x" }, 5],
    ["no number", { rejectedLogRecords: { toString: 1 }, errorMessage: { toString: 1 } }, 0],
    ["fewer than none", { rejectedLogRecords: -7 }, 0],
  ])("partial success of %s is believed no further", async (_what, partialSuccess, lost_records) => {
    await withSinks(COLLECTOR)
    await appendRecords(5)
    net.answer = () => Response.json({ partialSuccess })
    await exportNow(COLLECTOR)
    expect(await stateOf(COLLECTOR)).toMatchObject({ next: 5, lost_records, last_failure: null })
  })

  test("413: it gets less at once, and a record that is too large alone is named, and keeps no other back", async () => {
    await withSinks(LAKE)
    const before = await appendRecords(5)
    const [large] = await appendRecords(1, { purpose: "large" })
    const after = await appendRecords(5)
    net.answer = ({ text }) =>
      new Response(null, { status: text.includes('"large"') || text.length > 2_000 ? 413 : 200 })
    for (let again = 0; again < 3; again++) await exportNow(LAKE)
    const accepted = withRecords().filter(({ text }) => !text.includes('"large"') && text.length <= 2_000)
    expect(accepted.flatMap(idsIn)).toEqual([...before, ...after])
    expect(ids()).toContain(large)
    expect(await stateOf(LAKE)).toMatchObject({ next: 11, lost_records: 1, lost: [{ from: 5, to: 6, count: 1 }] })
  })

  test("a pause is as long as the sink's Retry-After", async () => {
    await withSinks(LAKE)
    await appendRecords(1)
    net.answer = () => new Response(null, { status: 503, headers: { "retry-after": "1800" } })
    await exportNow(LAKE)
    expect((await stateOf(LAKE)).waits_until).toBeGreaterThan(Date.now() + 1_700_000)
  })

  test("a pause is no longer than the sink's Retry-After, however often it failed before", async () => {
    await withSinks(LAKE)
    await appendRecords(1)
    net.answer = () => new Response(null, { status: 503 })
    for (let again = 0; again < 8; again++) {
      await exportNow(LAKE)
      vi.setSystemTime(Date.now() + 600_000)
    }
    net.answer = () => new Response(null, { status: 429, headers: { "retry-after": "3" } })
    await exportNow(LAKE)
    expect(net.received).toHaveLength(9)
    expect((await stateOf(LAKE)).waits_until).toBeLessThan(Date.now() + 4_000)
    vi.useRealTimers()
  })
})

test.each([
  "http://lake.test/in",
  "https://10.1.2.3/in",
  "https://169.254.169.254/",
  "https://lake.internal/in",
  "no url",
])("nothing is sent to %s", async (url) => {
  await withSinks({ ...LAKE, url })
  await appendRecords(1)
  await exportNow(LAKE)
  expect(net.received).toHaveLength(0)
  expect((await stateOf(LAKE)).last_failure?.says).toBe(FAILURES.url_refused)
})

test("a checkpoint that is signed after the sink had its records reaches it once, and those of before do not", async () => {
  const log = env.RECORD_LOG.getByName(LOG)
  const sizes = () =>
    net.received.flatMap(({ text }) =>
      text
        .trimEnd()
        .split("\n")
        .flatMap((line) => JSON.parse(line).unmapped?.size ?? []),
    )
  await appendRecords(2)
  await runDurableObjectAlarm(log)
  await withSinks(LAKE)
  await appendRecords(3)
  await exportNow(LAKE)
  expect([ids().length, sizes()]).toEqual([3, []])
  vi.setSystemTime(Date.now() + 120_000)
  await runDurableObjectAlarm(log)
  vi.useRealTimers()
  await exportNow(LAKE)
  await exportNow(LAKE)
  expect([ids().length, sizes()]).toEqual([3, [5]])
})

test("records without a position are lacking, and as old as they are", async () => {
  await withSinks(LAKE)
  await appendRecords(1, { at: Date.now() - 40_000 })
  await appendRecords(1, { at: Date.now() })
  const { lag_records, lag_seconds } = await stateOf(LAKE)
  expect(lag_records).toBe(2)
  expect(lag_seconds).toBeGreaterThanOrEqual(40)
  await exportNow(LAKE)
  expect(await stateOf(LAKE)).toMatchObject({ lag_records: 0, lag_seconds: 0 })
})

test("without its secret nothing is sent", async () => {
  const sink = { ...COLLECTOR, headers: { authorization: "constructor" } }
  await withSinks(sink)
  await appendRecords(1)
  await exportNow(sink)
  expect(net.received).toHaveLength(0)
  expect((await stateOf(sink)).last_failure?.says).toBe(`${FAILURES.secret_missing} (constructor)`)
})

test("objects have the same name for the same records, and are signed", async () => {
  await withSinks(ARCHIVE)
  await appendRecords(3)
  net.answer = () => new Error("cut off")
  await exportNow(ARCHIVE)
  await appendRecords(3)
  net.answer = () => new Response(null)
  await afterPause(ARCHIVE)
  const base = `${ARCHIVE.url}/log=${LOG}/date=2026-11-29`
  expect(withRecords().map(({ method, url }) => `${method} ${url}`)).toEqual([
    `PUT ${base}/000000000000-000000000003.ndjson.gz`,
    `PUT ${base}/000000000000-000000000003.ndjson.gz`,
    `PUT ${base}/000000000003-000000000006.ndjson.gz`,
  ])
  expect(net.received[0]?.headers.get("authorization")).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/eu-test-1\/s3\//,
  )
})

test("what was sent and could not be acknowledged is sent again, and nothing else", async () => {
  await withSinks(LAKE)
  const all = await appendRecords(10)
  vi.spyOn(RecordLog.prototype, "acknowledge").mockRejectedValueOnce(new Error("lost, by a test"))
  await exportNow(LAKE)
  expect(await stateOf(LAKE)).toMatchObject({ next: 0, last_failure: { says: FAILURES.failed } })
  const more = await appendRecords(2)
  await afterPause(LAKE)
  expect(withRecords().map(idsIn)).toEqual([all, all, more])
})

test("backfill sends from a number on, also what is behind a batch on its way", async () => {
  await withSinks(LAKE)
  const all = await appendRecords(6)
  await exportNow(LAKE)
  let isFirst = true
  net.answer = async () => {
    if (isFirst) await exporterOf(env, LAKE.id, LOG).backfill(2)
    isFirst = false
    return new Response()
  }
  const more = await appendRecords(2)
  await exportNow(LAKE)
  await exportNow(LAKE)
  // An alarm of its own may run beside the one that the test runs, and then sends what came last twice.
  expect(ids().slice(0, 8)).toEqual([...all, ...more])
  expect(ids().slice(-6)).toEqual([...all.slice(2), ...more])
  expect(await exporterOf(env, LAKE.id, LOG).backfill("start")).toBe(0)
  expect((await stateOf(LAKE)).next).toBe(0)
})

test("a sink that is gone from the policies gets nothing more, and its log forgets it", async () => {
  await withSinks(LAKE, COLLECTOR)
  net.answer = () => new Response(null, { status: 500 })
  await appendRecords(3)
  await exportNow(LAKE)
  await withSinks(COLLECTOR)
  await exportNow(LAKE)
  expect((await env.RECORD_LOG.getByName(LOG).state()).sinks.map(({ name }) => name)).toEqual([COLLECTOR.id])
  const keys = await runInDurableObject(exporterOf(env, LAKE.id, LOG), (_exporter, { storage }) => [
    ...storage.kv.list(),
  ])
  expect(keys).toEqual([])
  expect(await runDurableObjectAlarm(exporterOf(env, LAKE.id, LOG))).toBe(false)
})
