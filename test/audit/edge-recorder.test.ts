import { env } from "cloudflare:workers"
import { afterEach, expect, test, vi } from "vitest"
import { recordAtEdge } from "../../src/audit/edge-recorder.ts"
import { recordOf } from "../../src/audit/record.ts"
import { findRecords, RecordLog } from "../../src/audit/record-log.ts"
import { byteLength } from "../../src/bytes.ts"
import { freshIsolate } from "../harness/isolate.ts"

afterEach(async () => {
  vi.restoreAllMocks()
  await freshIsolate()
})

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
