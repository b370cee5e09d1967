/** What records add up to, whatever callers send. */
import { expect, test } from "vitest"
import { counted, NO_COUNTS, summed, type Counts } from "../../../src/core/metrics/counts.ts"
import { BOUNDS_MS } from "../../../src/core/metrics/metric.ts"
import { recordOf, type DecisionRecord } from "../../../src/core/record/record.ts"

const call = (more: Partial<DecisionRecord> = {}): DecisionRecord =>
  recordOf({
    id: "dec_1",
    at: 1,
    kind: "call",
    decision: "allow",
    code: "ok",
    gateway: "edge",
    tool: "files.read",
    ...more,
  })

test("decisions are counted by what they were about, and what no catalog has is one tool", () => {
  const unknown = Array.from({ length: 50 }, (_, index) =>
    call({ tool: null, path: `/made-up/${index}`, decision: "deny", code: "unknown_tool" }),
  )
  const { decisions, records } = counted(NO_COUNTS, [
    call(),
    call(),
    ...unknown,
    call({ gateway: null, tool: null, decision: "deny", code: "unknown_gateway" }),
    call({ kind: "exchange", gateway: null, tool: null }),
    // Of a switch, say: its name is an operator's text.
    call({ kind: "management", tool: "whatever", gateway: null }),
  ])
  expect(records).toBe(55)
  expect(decisions).toEqual({
    '["call","allow","ok","edge","files.read"]': 2,
    '["call","deny","unknown_tool","edge","unknown"]': 50,
    '["call","deny","unknown_gateway","unknown","unknown"]': 1,
    '["exchange","allow","ok","",""]': 1,
    '["management","allow","ok","",""]': 1,
  })
})

test("a log has no more than 5,000 series: the tools of further ones are counted as one", () => {
  const tools = Array.from({ length: 6_000 }, (_, index) => call({ tool: `server.tool-${index}` }))
  const once = counted(NO_COUNTS, tools)
  expect(Object.keys(once.decisions)).toHaveLength(5_001)
  expect(once.decisions['["call","allow","ok","edge","other"]']).toBe(1_000)
  expect(once.folded).toBe(1_000)
  // A series that is there goes on.
  const twice = counted(once, [call({ tool: "server.tool-0" }), call({ tool: "server.tool-5999" })])
  expect(twice.decisions['["call","allow","ok","edge","server.tool-0"]']).toBe(2)
  expect(twice.folded).toBe(1_001)
})

test("durations and waits fall into the bucket whose bound they do not exceed; what nothing else explains is the ledger's", () => {
  const of = (total_ms: number, more: Partial<DecisionRecord> = {}) => call({ total_ms, number: 1, ...more })
  const { durations, waits } = counted(NO_COUNTS, [
    of(0),
    of(1),
    of(2, { steps: { lease: 2 } }),
    of(30, { steps: { lease: 5, shared: 10 } }),
    of(6_000, { number: null, steps: { ledger: 5_000 } }),
    of(9, { number: null }),
  ])
  const bucketOf = (ms: number): number => BOUNDS_MS.findIndex((bound) => ms <= bound)
  const at = (buckets: readonly number[] = []) =>
    Object.fromEntries(buckets.flatMap((count, index) => (count === 0 ? [] : [[index, count]])))
  expect(at(durations["edge"]?.buckets)).toEqual({
    [bucketOf(1)]: 2,
    [bucketOf(2)]: 1,
    [bucketOf(9)]: 1,
    [bucketOf(30)]: 1,
    [BOUNDS_MS.length]: 1,
  })
  expect(durations["edge"]?.sumMs).toBe(6_042)
  expect(waits["ledger"]).toMatchObject({ sumMs: 1 + 15 + 5_000 })
  expect(at(waits["ledger"]?.buckets)).toEqual({ [bucketOf(1)]: 3, [bucketOf(15)]: 1, [bucketOf(5_000)]: 1 })
  expect(waits["lease"]).toMatchObject({ sumMs: 7 })
  expect(waits["shared"]).toMatchObject({ sumMs: 10 })
  expect(Object.keys(waits).toSorted()).toEqual(["lease", "ledger", "shared"])
})

test("counting in parts, and in several logs, is counting at once", () => {
  const records = Array.from({ length: 200 }, (_, index) =>
    call({ tool: `t.${index % 7}`, total_ms: index, number: index, gateway: index % 3 === 0 ? "edge" : "inner" }),
  )
  const whole = counted(NO_COUNTS, records)
  const inParts = [records.slice(0, 3), records.slice(3, 120), records.slice(120)].reduce(counted, NO_COUNTS)
  expect(inParts).toEqual(whole)
  // As it is stored and read again.
  const stored: Counts = JSON.parse(JSON.stringify(counted(NO_COUNTS, records.slice(0, 50))))
  expect(summed([stored, counted(NO_COUNTS, records.slice(50))])).toEqual(whole)
})
