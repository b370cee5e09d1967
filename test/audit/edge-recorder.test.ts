import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { recordAtEdge } from "../../src/audit/edge-recorder.ts"
import { recordOf, type DecisionRecord } from "../../src/core/record/record.ts"
import { findRecord, findRecords } from "../../src/audit/record-logs.ts"
import { RecordLog } from "../../src/audit/record-log.ts"
import { byteLength } from "../../src/core/encoding/bytes.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"

freshIsolateForEach()

test("more big records than fit into a row of the log all land, those of known callers and of strangers", async () => {
  const append = vi.spyOn(RecordLog.prototype, "append")
  const sent: Promise<unknown>[] = []
  const because = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`b${at}`, "€".repeat(1_000)]))
  for (let at = 0; at < 300; at++) {
    const denial = Object.assign({ reason: "request_malformed", what: "it" } as const, { because, again: because })
    const chain = at < 200 ? ["spiffe://example.org/agent/first"] : []
    const record = recordOf({ id: `dec_${1_000 + at}`, at, kind: "exchange", chain, denial })
    recordAtEdge(env, record, (work) => sent.push(work))
  }
  await Promise.all(sent)
  expect(await findRecords(env, { limit: 1_000 })).toHaveLength(300)
  const sizes = append.mock.calls.map(([, batch]) => byteLength(batch))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(4_000_000)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000_000)
})

test("whoever looks all day pushes out no record of what was done, and each look is found", async () => {
  const sent: Promise<unknown>[] = []
  const looks = [
    { method: "GET", path: "/v1/tasks", decision: "allow", code: "ok" },
    { method: "POST", path: "/v1/explanations", decision: "allow", code: "ok" },
    { method: "POST", path: "/v1/revocations", decision: "deny", code: "policy_denied" },
  ] as const
  const done = { method: "POST", path: "/v1/revocations", decision: "allow", code: "ok" } as const
  for (const [at, what] of [...looks, done].entries()) {
    const operator = "https://idp.test|somebody"
    const record = recordOf({ id: `dec_${at}`, at, kind: "management", operator, ...what })
    recordAtEdge(env, record, (work) => sent.push(work))
  }
  await Promise.all(sent)
  const inShards = await Promise.all(
    [0, 1, 2, 3].map(async (shard) =>
      env.RECORD_LOG.getByName(`records-${shard}`).list({ kind: "management", limit: 10 }),
    ),
  )
  expect(inShards.flatMap(({ rows }) => [...rows]).map(({ id }) => id)).toEqual(["dec_3"])
  expect((await findRecords(env, { kind: "management", limit: 10 })).map(({ id }) => id)).toEqual([
    "dec_3",
    "dec_2",
    "dec_1",
    "dec_0",
  ])
  for (const at of [0, 1, 2, 3]) expect(await findRecord(env, `dec_${at}`)).toMatchObject({ at })
})

describe("of callers whom nobody knows", () => {
  const keptOf = async (count: number, token: (at: number) => Partial<DecisionRecord>): Promise<number> => {
    const sent: Promise<unknown>[] = []
    for (let at = 0; at < count; at++) {
      const record = recordOf({ id: `dec_${at}`, at: 0, kind: "call", chain: [], ...token(at) })
      recordAtEdge(env, record, (work) => sent.push(work))
    }
    await Promise.all(sent)
    return (await findRecords(env, { limit: 1_000 })).length
  }

  test.each<readonly [string, number, number, (at: number) => Partial<DecisionRecord>]>([
    ["100 records wait", 100, 100, () => ({})],
    ["100 records wait, and not one more", 101, 100, () => ({})],
    ["20 wait with one token", 20, 20, () => ({ token_hash: "a" })],
    ["20 wait with one token, and not one more", 21, 20, () => ({ token_hash: "a" })],
    ["40 wait with two tokens", 42, 40, (at) => ({ token_hash: at % 2 === 0 ? "a" : "b" })],
  ])("%s", async (_what, count, kept, token) => {
    expect(await keptOf(count, token)).toBe(kept)
  })
})

describe("an agent that makes as many records as it likes crowds out none of another", () => {
  const LOUD = "spiffe://example.org/agent/loud"
  const quiet = (index: number): string => `spiffe://example.org/agent/quiet-${index}`
  const sent: Promise<unknown>[] = []
  const record = (id: string, agent: string): void => {
    recordAtEdge(env, recordOf({ id, at: 0, kind: "call", chain: [agent] }), (work) => sent.push(work))
  }

  test("within a moment", async () => {
    for (let at = 0; at < 1_500; at++) record(`dec_loud_${at}`, LOUD)
    for (let at = 0; at < 20; at++) for (let index = 0; index < 10; index++) record(`dec_${index}_${at}`, quiet(index))
    for (let at = 1_500; at < 2_000; at++) record(`dec_loud_${at}`, LOUD)
    await Promise.all(sent)
    for (let index = 0; index < 10; index++)
      expect(await findRecords(env, { agent: quiet(index), limit: 1_000 }), quiet(index)).toHaveLength(20)
    expect(await findRecords(env, { agent: LOUD, limit: 5_000 })).toHaveLength(800)
  })

  test("while a log does not answer, however many it has on their way there", async () => {
    const silent = vi.spyOn(RecordLog.prototype, "append").mockImplementation(async () => new Promise(() => undefined))
    for (let at = 0; at < 1_500; at++) record(`dec_loud_${at}`, LOUD)
    await vi.waitFor(() => expect(silent).toHaveBeenCalled(), { timeout: 5_000, interval: 20 })
    silent.mockRestore()
    for (let at = 1_500; at < 3_000; at++) record(`dec_loud_${at}`, LOUD)
    record("dec_quiet", quiet(1))
    await Promise.all(sent)
    expect(await findRecord(env, "dec_quiet")).not.toBeNull()
  }, 30_000)
})

test("a log that hangs takes no more than may wait, keeps the other logs from nothing, and is given up", async () => {
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { append } = RecordLog.prototype
  const hanging: number[] = []
  vi.spyOn(RecordLog.prototype, "append").mockImplementation(async function (this: RecordLog, count, batch) {
    if (batch.includes("stranger")) return append.call(this, count, batch)
    hanging.push(count)
    return new Promise<never>(() => undefined)
  })
  const sent: Promise<unknown>[] = []
  const record = (id: string, chain: readonly string[]): void => {
    recordAtEdge(env, recordOf({ id, at: 0, kind: "call", chain }), (work) => sent.push(work))
  }
  for (let round = 0; round < 4; round++) {
    for (let at = 0; at < 600; at++) record(`dec_${round}_${at}`, ["spiffe://example.org/agent/first"])
    record(`dec_stranger_${round}`, [])
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  expect(hanging.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1_000)
  expect(await findRecord(env, "dec_stranger_0")).not.toBeNull()
  await Promise.all(sent)
  vi.restoreAllMocks()
  record("dec_after", ["spiffe://example.org/agent/first"])
  await Promise.all(sent)
  expect(await findRecord(env, "dec_after")).not.toBeNull()
}, 30_000)
