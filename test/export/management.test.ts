/** What operators see of sinks, and what they may do. */
import { beforeEach, expect, test } from "vitest"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { appendRecords, COLLECTOR, exportNow, idsIn, LAKE, LOG, sinkNetwork, withSinks } from "../harness/sinks.ts"

beforeEach(async () => withSinks(LAKE, { ...COLLECTOR, logs: ["strangers"] }))
freshIsolateForEach()

test("each sink is listed with how far it is in each log, and without its URL and secrets", async () => {
  sinkNetwork()
  await appendRecords(2)
  await exportNow(LAKE)
  const { status, json } = await manage("GET", "/v1/sinks", await bearerOf("viewer"))
  expect(status).toBe(200)
  const { sinks } = Object(json)
  expect(sinks).toMatchObject([
    { id: "lake", kind: "ocsf", logs: [{ log: LOG, next: 2, lag_records: 0 }, {}, {}, {}, {}, {}] },
    { id: "collector", kind: "otlp", logs: [{ log: "strangers", next: 0, last_failure: null }] },
  ])
  for (const secret of [LAKE.url, COLLECTOR.url, "collector-key", "Bearer"])
    expect(JSON.stringify(json)).not.toContain(secret)
})

test("an operator sends records once more, which is recorded; a sink or a log that there is none of is not found", async () => {
  const net = sinkNetwork()
  const all = await appendRecords(3)
  await exportNow(LAKE)
  const bearer = await bearerOf("operator")
  const answer = await manage("POST", "/v1/sinks/lake/backfill", bearer, {}, { from: 1, log: LOG })
  expect(answer).toMatchObject({ status: 200, json: { id: "lake", logs: [{ log: LOG, next: 1 }] } })
  await exportNow(LAKE)
  expect(net.received.flatMap(idsIn)).toEqual([...all, ...all.slice(1)])
  const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
  expect(record).toMatchObject({
    kind: "management",
    decision: "allow",
    arguments: { sink: "lake", from: 1, log: LOG },
  })
  for (const [path, body] of [
    ["/v1/sinks/other/backfill", { from: 1 }],
    ["/v1/sinks/collector/backfill", { from: 1, log: LOG }],
  ] as const)
    expect(await manage("POST", path, bearer, {}, body)).toMatchObject({ status: 404, code: "not_found" })
  for (const from of [-1, 1.5, "end", null])
    expect(await manage("POST", "/v1/sinks/lake/backfill", bearer, {}, { from })).toMatchObject({ status: 400 })
})
