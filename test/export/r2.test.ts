/** A sink that writes to an R2 bucket by a binding, and what is refused without one. */
import { env } from "cloudflare:workers"
import { expect, test, vi } from "vitest"
import type { SinkDefinition } from "../../src/core/policy/definition/sinks.ts"
import { bucketOf } from "../../src/export/destinations/r2.ts"
import { FAILURES } from "../../src/export/destinations/failures.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { appendRecords, ARCHIVE, exportNow, sinkNetwork, stateOf, withSinks } from "../harness/sinks.ts"

freshIsolateForEach()

const { id: _id, kind: _kind, url: _url, region: _region, accessKey: _access, secretKey: _secret, ...common } = ARCHIVE
const sinkIn = (bucket: string, prefix = "narrowgate"): SinkDefinition => ({
  ...common,
  id: "lake",
  kind: "r2",
  bucket,
  prefix,
})
/** By vitest.config.ts. */
const LAKE = sinkIn("our-records")

function bucket(): R2Bucket {
  const found = bucketOf(env, "our-records")
  if (!found) throw new Error("vitest.config.ts binds no bucket")
  return found
}
const keys = async (): Promise<readonly string[]> => (await bucket().list()).objects.map(({ key }) => key)

test("records become objects of the bucket with the names and the contents that they have behind the API of S3", async () => {
  const net = sinkNetwork(() => new Response(null))
  await withSinks(LAKE, ARCHIVE)
  await appendRecords(3)
  for (const sink of [LAKE, ARCHIVE]) await exportNow(sink)
  await appendRecords(2)
  for (const sink of [LAKE, ARCHIVE]) await exportNow(sink)
  expect(await keys()).toEqual([
    "narrowgate/log=records-0/date=2026-11-29/000000000000-000000000003.ndjson.gz",
    "narrowgate/log=records-0/date=2026-11-29/000000000003-000000000005.ndjson.gz",
  ])
  expect(net.received.map(({ url }) => url.replace(ARCHIVE.url, "narrowgate"))).toEqual(await keys())
  for (const [index, key] of (await keys()).entries()) {
    const object = await bucket().get(key)
    expect(object?.httpMetadata?.contentType).toBe("application/gzip")
    const unpacked = new Response(object?.body.pipeThrough(new DecompressionStream("gzip")))
    expect(await unpacked.text()).toBe(net.received[index]?.text)
  }
  expect(await stateOf(LAKE)).toMatchObject({ next: 5, lag_records: 0, last_failure: null, lost: [] })
})

test("a bucket that fails gets the same object again, and nothing is lost", async () => {
  await withSinks(LAKE)
  await appendRecords(3)
  vi.spyOn(bucket(), "put").mockRejectedValueOnce(new Error("put: We encountered an internal error. (10001)"))
  await exportNow(LAKE)
  expect(await stateOf(LAKE)).toMatchObject({ next: 0, last_failure: { says: FAILURES.failing } })
  await appendRecords(3)
  vi.setSystemTime(Date.now() + 600_000)
  await exportNow(LAKE)
  vi.useRealTimers()
  const names = (await keys()).map((key) => key.split("/").at(-1))
  expect(names).toEqual(["000000000000-000000000003.ndjson.gz", "000000000003-000000000006.ndjson.gz"])
  expect(await stateOf(LAKE)).toMatchObject({ next: 6, lag_records: 0, lost: [] })
})

test.each([
  ["the same object", "nobody knows whether it arrived", { next: 3, lag_records: 0, waits_until: null }],
  ["another object", "something else is there", { next: 0, lag_records: 3 }],
])("a locked bucket that has %s already: %s", async (_what, _why, state) => {
  const lake = bucket()
  const put = lake.put.bind(lake)
  const isSame = state.next > 0
  // What a bucket lock does (R2, "Bucket locks"), which no local bucket can; the answer to the first request is lost.
  vi.spyOn(lake, "put").mockImplementation(async (key, body) => {
    if (!(await lake.head(key))) await put(key, isSame ? body : "other")
    throw new Error("put: The object is locked by the bucket policy. (10069)")
  })
  vi.spyOn(lake, "head").mockResolvedValueOnce(null).mockRejectedValueOnce(new Error("lost"))
  await withSinks(LAKE)
  await appendRecords(3)
  await exportNow(LAKE)
  expect(await stateOf(LAKE)).toMatchObject({ next: 0 })
  vi.setSystemTime(Date.now() + 600_000)
  await exportNow(LAKE)
  expect(await stateOf(LAKE)).toMatchObject(state)
  vi.useRealTimers()
})

test("without its binding nothing is written, and the sink says so", async () => {
  const sink = sinkIn("elsewhere")
  await withSinks(sink)
  await appendRecords(1)
  await exportNow(sink)
  expect(await stateOf(sink)).toMatchObject({ next: 0, lag_records: 1, last_failure: { says: FAILURES.no_bucket } })
})
