/** An agent gets a receipt of its own decision, which is verified with the public keys alone. */
import { env } from "cloudflare:workers"
import { runDurableObjectAlarm } from "cloudflare:test"
import { expect, test } from "vitest"
import { z } from "zod"
import { checkReceipt } from "../../cli/records/signatures.ts"
import { allLogs } from "../../src/audit/record-logs.ts"
import { keyRing } from "../../src/signing/key-ring.ts"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const receiptFlaw = async (...of: Parameters<typeof checkReceipt>): Promise<string | null> =>
  (await checkReceipt(...of)).flaw

const receiptIn = (json: unknown): string => z.object({ receipt: z.string() }).parse(json).receipt

function claimsIn(receipt: string): unknown {
  const [, payload = ""] = receipt.split(".")
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/")))
}

async function decided(): Promise<{ readonly token: string; readonly task: string; readonly id: string }> {
  const { token, task } = await openTask("first")
  const { decision } = await callWith(token, "/files/a", { method: "PUT" })
  await recordOf(decision)
  // An alarm of an earlier test can have woken a log whose storage is empty by now, and so does not know its name.
  await killObjects()
  return { token, task, id: decision }
}

test("there is no receipt until a checkpoint covers the record; then it proves the record offline, and names no person", async () => {
  const { token, task, id } = await decided()
  const path = `/v1/tasks/${task}/decisions/${id}/receipt`
  for (const log of allLogs(env)) await runDurableObjectAlarm(log)
  const own = await manage("GET", path, `Bearer ${token}`)
  expect(own.status, JSON.stringify(own.json)).toBe(200)
  const receipt = receiptIn(own.json)
  const keys = await keyRing(env).publicKeys()
  expect(await receiptFlaw(receipt, US, keys)).toBeNull()
  expect(await checkReceipt(receipt, US, keys)).toMatchObject({
    proven: {
      decision: id,
      verdict: "allow",
      code: "ok",
      tool: expect.any(String),
      agent: expect.stringMatching(/^spiffe:/),
    },
  })
  const claims = claimsIn(receipt)
  expect(claims).toMatchObject({ iss: US, jti: id, record: { id, task, code: "ok", tool: expect.any(String) } })
  expect(JSON.stringify(claims)).not.toContain("|alice")
  const ofOperator = await manage("GET", `/v1/decisions/${id}/receipt`, await bearerOf("viewer"))
  expect(await receiptFlaw(receiptIn(ofOperator.json), US, keys)).toBeNull()
  // An agent learns nothing of the policies that would help it to probe them.
  expect((await recordOf(id)).rules).not.toEqual([])
  expect(Object.keys(Object(claims).record)).not.toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^(?:rules|windows|guardrails|labels|carried|calls|bundle|gateway)$/),
    ]),
  )
  expect(claimsIn(receiptIn(ofOperator.json))).toMatchObject({ record: { rules: (await recordOf(id)).rules } })

  // Whatever is changed, it proves nothing.
  const [head = "", , signature = ""] = receipt.split(".")
  const forged = btoa(JSON.stringify({ ...Object(claims), jti: "dec_other" })).replaceAll("=", "")
  expect(await receiptFlaw(`${head}.${forged}.${signature}`, US, keys)).toMatch(/no key/)
  expect(await receiptFlaw(receipt, "https://other.example", keys)).toMatch(/^it is of/)
  expect(await receiptFlaw(receipt, US, [])).toMatch(/no key/)

  // A later decision is not in the checkpoint.
  const later = await callWith(token, "/files/b", { method: "PUT" })
  await recordOf(later.decision)
  const early = await manage("GET", `/v1/tasks/${task}/decisions/${later.decision}/receipt`, `Bearer ${token}`)
  expect([early.status, early.headers.get("Retry-After")]).toEqual([404, "60"])
})

test("another task's agent gets no receipt, by its own task's address either", async () => {
  const { task, id } = await decided()
  for (const log of allLogs(env)) await runDurableObjectAlarm(log)
  const other = await openTask("second")
  const path = (of: string): string => `/v1/tasks/${of}/decisions/${id}/receipt`
  expect((await manage("GET", path(task), `Bearer ${other.token}`)).code).toBe("not_found")
  expect((await manage("GET", path(other.task), `Bearer ${other.token}`)).code).toBe("not_found")
  expect((await manage("GET", path(task), null)).status).toBe(401)
})

test("an operator reads a log page by page, with the checkpoints that prove it", async () => {
  await decided()
  const operator = await bearerOf("viewer")
  for (const log of allLogs(env)) await runDurableObjectAlarm(log)
  const pages = await Promise.all(
    [0, 1, 2, 3].map(async (shard) => (await manage("GET", `/v1/records?log=records-${shard}`, operator)).json),
  )
  const read = z.array(
    z.looseObject({ records: z.array(z.looseObject({ index: z.number() })), checkpoints: z.array(z.unknown()) }),
  )
  const all = read.parse(pages)
  expect(all.flatMap(({ records }) => records).length).toBeGreaterThan(0)
  for (const { records, checkpoints } of all) expect(checkpoints).toHaveLength(records.length > 0 ? 1 : 0)
  expect((await manage("GET", "/v1/records?log=other", operator)).code).toBe("invalid_request")
})

test("who reads records is recorded, wherever they begin to read", async () => {
  const { token } = await decided()
  await recordOf((await callWith(token, "/files/b", { method: "PUT" })).decision)
  const operator = await bearerOf("viewer")
  for (const log of allLogs(env)) await runDurableObjectAlarm(log)
  const found = await Promise.all(
    [0, 1, 2, 3].map(async (shard) => manage("GET", `/v1/records?log=records-${shard}&from=1`, operator)),
  )
  const read = found.find(({ json }) => z.object({ records: z.array(z.unknown()) }).parse(json).records.length > 0)
  expect(await recordOf(read?.headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
    kind: "management",
    path: "/v1/records",
    arguments: { from: 1 },
  })
})
