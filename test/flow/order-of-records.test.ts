/** The record of a call is stored in the order of RFC 8785: what its log hashes need not be sorted, which doubles its cost. */
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { allLogs } from "../../src/audit/record-logs.ts"
import { canonicalJson } from "../../src/core/proof/leaf.ts"
import { PERSONAL } from "../../src/core/record/fields.ts"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

test.each([
  ["a write", "/files/a", "PUT", {}],
  ["a read with a window", "/burst", "GET", { windows: [{ window: "burst" }] }],
] as const)("%s", async (_, path, method, more) => {
  const { token } = await openTask("first")
  const { decision, code } = await callWith(token, path, { method })
  expect(code).toBe("ok")
  await recordOf(decision)
  const found = await Promise.all(allLogs(env).map(async (log) => log.get(decision)))
  const stored: unknown = JSON.parse(found.find((each) => each !== null)?.body ?? "")
  const head = Object.fromEntries(Object.entries(Object(stored)).filter(([name]) => !PERSONAL.has(name)))
  expect(head).toMatchObject({ kind: "call", bundle: { seq: expect.any(Number) }, ...more })
  expect(JSON.stringify(head)).toBe(canonicalJson(head))
})
