/** A log without room: calls are denied of the action classes for which a sink says so, of no others, and only so long. */
import { beforeEach, expect, test, vi } from "vitest"
import { RecordLog } from "../../src/audit/record-log.ts"
import type { LogState } from "../../src/audit/log-page.ts"
import { MAX_LOG_BYTES } from "../../src/audit/log-sinks.ts"
import { openTask } from "../harness/agents.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { recordOf } from "../harness/records.ts"
import { appendRecords, exportNow, LAKE, sinkNetwork, stateOf, withSinks, type SinkNetwork } from "../harness/sinks.ts"

let net: SinkNetwork

beforeEach(() => {
  net = sinkNetwork(() => new Response(null, { status: 503, headers: { "retry-after": "0" } }))
})
freshIsolateForEach()

/** Its log says that it has so many characters: two billion would take too long. */
const state: (this: RecordLog) => Promise<LogState> = Reflect.get(RecordLog.prototype, "state")
function logHas(bytes: number): void {
  vi.spyOn(RecordLog.prototype, "state").mockImplementation(async function (this: RecordLog) {
    return { ...(await state.call(this)), bytes }
  })
}

const call = async (token: string) => {
  forgetCaches()
  return callWith(token, "/files/a")
}

test("calls of the class are denied once the log is nearly full, also after a crash, until the sink has caught up", async () => {
  const sink = { ...LAKE, denies: ["read"] } as const
  await withSinks(sink)
  const { token } = await openTask("first")
  await appendRecords(3)
  logHas(MAX_LOG_BYTES * 0.89)
  await exportNow(sink)
  expect((await call(token)).code).toBe("ok")
  logHas(MAX_LOG_BYTES * 0.91)
  await exportNow(sink)
  const denied = await call(token)
  expect(denied.code).toBe("unavailable")
  expect(await recordOf(denied.decision)).toMatchObject({ denial: { reason: "records_full" } })
  expect((await stateOf(sink)).denies).toBe(true)
  await killObjects()
  expect((await call(token)).code).toBe("unavailable")
  // Some room is not enough: the next records would fill it.
  logHas(MAX_LOG_BYTES * 0.85)
  await exportNow(sink)
  expect((await call(token)).code).toBe("unavailable")
  net.answer = () => new Response()
  vi.setSystemTime(Date.now() + 600_000)
  await exportNow(sink)
  vi.useRealTimers()
  await exportNow(sink)
  expect((await call(token)).code).toBe("ok")
  expect((await stateOf(sink)).denies).toBe(false)
})

test("calls of other classes go on, and so do all if no sink says otherwise", async () => {
  const sink = { ...LAKE, denies: ["write", "execute"] } as const
  await withSinks(sink)
  const { token } = await openTask("first")
  await appendRecords(3)
  await exportNow(sink)
  logHas(MAX_LOG_BYTES)
  await exportNow(sink)
  expect((await stateOf(sink)).denies).toBe(true)
  expect((await call(token)).code).toBe("ok")
  // The sink is gone, and so is what it wanted.
  await withSinks(LAKE)
  await exportNow(sink)
  expect((await stateOf(LAKE)).denies).toBe(false)
})

test("a sink that has everything denies nothing, although another fills the log", async () => {
  const sink = { ...LAKE, id: "fast", denies: ["read"] } as const
  await withSinks(LAKE, sink)
  const { token } = await openTask("first")
  await appendRecords(4)
  net.answer = () => new Response()
  await exportNow(sink)
  logHas(MAX_LOG_BYTES)
  await exportNow(sink)
  expect((await call(token)).code).toBe("ok")
})

test.each(["strangers", "looks"])(
  "a full log of %s denies nothing: no call is recorded there, and anybody can fill it",
  async (log) => {
    const sink = { ...LAKE, logs: ["records", "looks", "strangers"], denies: ["read"] } as const
    await withSinks(sink)
    const { token } = await openTask("first")
    await appendRecords(3, {}, log)
    logHas(MAX_LOG_BYTES)
    await exportNow(sink, log)
    expect((await stateOf(sink, log)).lag_records).toBe(3)
    expect((await stateOf(sink, log)).denies).toBe(false)
    expect((await call(token)).code).toBe("ok")
  },
)
