/** An agent gets a receipt of its own decision, which is verified with the public keys alone. */
import { env } from "cloudflare:workers"
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { expect, test } from "vitest"
import { z } from "zod"
import { checkpointKeys, checkReceipt, verifyEd25519 } from "../../cli/records/signatures.ts"
import { firstIdAt } from "../../src/core/encoding/ids.ts"
import { allLogs } from "../../src/audit/record-logs.ts"
import { AHEAD_MS, OVERLAP_MS, ROTATE_AFTER_MS } from "../../src/core/keys/key-rotation.ts"
import { checkExports } from "../../src/core/proof/check-export.ts"
import { keyRing } from "../../src/signing/key-ring.ts"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { knock } from "../harness/door.ts"
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
  const keys = checkpointKeys(await keyRing(env).publicKeys())
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

test("a record on its way to its log is one to ask for again, and one that never was is not", async () => {
  await decided()
  const operator = await bearerOf("viewer")
  const receiptOf = async (id: string) => manage("GET", `/v1/decisions/${id}/receipt`, operator)
  const now = await receiptOf(firstIdAt("dec", Date.now()))
  expect([now.status, now.headers.get("Retry-After")]).toEqual([404, "60"])
  const before = await receiptOf(firstIdAt("dec", Date.now() - 600_000))
  expect([before.status, before.headers.get("Retry-After")]).toEqual([404, null])
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

/** What an operator reads of a log. */
async function read(query: string): Promise<{ readonly decision: string; readonly lines: readonly string[] }> {
  const headers = { Authorization: await bearerOf("viewer") }
  const response = await knock(new Request(`${US}/v1/records?${query}`, { headers }))
  expect(response.headers.get("content-type")).toBe("application/x-ndjson")
  // The platform warns of `text()` on what it takes for no text.
  const lines = new TextDecoder()
    .decode(await response.arrayBuffer())
    .trimEnd()
    .split("\n")
  return { decision: response.headers.get("X-Narrowgate-Decision") ?? "", lines }
}

const LOGS = ["records-0", "records-1", "records-2", "records-3"] as const
const kindsOf = (lines: readonly string[]) =>
  lines.map((line) => /^\{"(header|checkpoint|footer)/.exec(line)?.[1] ?? "record")

/** The log that has a record. */
async function filledLog(): Promise<string> {
  await decided()
  for (const log of allLogs(env)) await runDurableObjectAlarm(log)
  for (const log of LOGS) if ((await env.RECORD_LOG.getByName(log).state()).end > 0) return log
  throw new Error("no log has a record")
}

test("an operator reads a log as lines of a file that can be verified", async () => {
  const log = await filledLog()
  const keys = checkpointKeys(await keyRing(env).publicKeys())
  const { lines } = await read(`log=${log}`)
  const { json: logs } = await manage("GET", "/v1/records/logs", await bearerOf("viewer"))
  expect(new Set(kindsOf(lines))).toEqual(new Set(["header", "record", "checkpoint", "footer"]))
  const file = {
    name: log,
    async *lines() {
      yield [JSON.stringify({ logs }), ...lines]
    },
  }
  const { findings, records, proven } = await checkExports([file], {
    issuer: US,
    pinned: keys,
    verify: verifyEd25519,
    only: [log],
  })
  expect({ findings, proven }).toEqual({ findings: [], proven: records })
  expect(records).toBeGreaterThan(0)
  const bearer = await bearerOf("viewer")
  expect((await manage("GET", "/v1/records?log=other", bearer)).code).toBe("invalid_request")
})

test("keys that were retired since are linked with the newest one; a key that was pulled is linked with none", async () => {
  const log = await filledLog()
  const [first = ""] = checkpointKeys(await keyRing(env).publicKeys())
  const before = (await read(`log=${log}`)).lines
  const statement = async () =>
    z
      .object({ note: z.string(), keys: z.array(z.string()) })
      .parse((await manage("GET", "/v1/records/logs", await bearerOf("viewer"))).json)
  const checked = async (pinned: string, lines: readonly string[]): Promise<readonly string[]> => {
    const logs = await statement()
    const file = {
      name: log,
      async *lines() {
        yield [JSON.stringify({ logs }), ...lines]
      },
    }
    const trust = { issuer: US, pinned: [pinned], verify: verifyEd25519, only: [log] }
    return (await checkExports([file], trust)).findings.map(({ flaw }) => flaw)
  }
  await statement()
  // A month and a bit later the ring has another key, and an hour after that it has only that one.
  for (const passed of [ROTATE_AFTER_MS, AHEAD_MS + OVERLAP_MS + 1]) {
    await runInDurableObject(keyRing(env), (_, { storage }) => {
      storage.sql.exec("UPDATE keys SET made_at = made_at - ?", passed)
    })
    await keyRing(env).publicKeys()
  }
  const keys = await keyRing(env).publicKeys()
  const [second = "", ...others] = checkpointKeys(keys)
  expect([others, second === first]).toEqual([[], false])
  expect(await checked(first, before)).toEqual([])
  expect(await checked(second, before)).toEqual([])

  const { kid = "" } = keys.find(({ x }) => x === second) ?? {}
  await keyRing(env).pull(kid)
  const [third = ""] = checkpointKeys(await keyRing(env).publicKeys())
  expect(await checked(first, before)).toEqual(["unsigned", "unstated"])
  expect(await checked(third, before)).toContain("unsigned")
})

test("an answer goes on where the one before ended, and has no records beyond the last checkpoint", async () => {
  const log = await filledLog()
  const { end } = await env.RECORD_LOG.getByName(log).state()
  for (const from of [end, end + 1_000]) {
    const { lines } = await read(`log=${log}&from=${from}`)
    expect(kindsOf(lines)).toEqual(["header", "footer"])
    expect(JSON.parse(lines[1] ?? "")).toEqual({ footer: { log, next: end } })
  }
  const [checkpoint] = await env.RECORD_LOG.getByName(log).checkpoints(0)
  await env.RECORD_LOG.getByName(log).append(1, '[{"id":"dec_01M8815F0SB91PEW30VYE8GW8A"}]')
  const { lines } = await read(`log=${log}&until=${checkpoint?.at}`)
  expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ footer: { log, next: checkpoint?.size } })
})

test("an answer since a time begins with the last checkpoint before it", async () => {
  const log = await filledLog()
  const [checkpoint] = await env.RECORD_LOG.getByName(log).checkpoints(0)
  const { at = 0, size = 0 } = checkpoint ?? {}
  const beginOf = async (since: number): Promise<unknown> => {
    const { lines } = await read(`log=${log}&since=${since}`)
    return JSON.parse(lines[0] ?? "").header.from
  }
  expect([await beginOf(at), await beginOf(at + 1)]).toEqual([0, size])
})

test("who reads records is recorded, wherever they begin to read; who follows the end has read nothing", async () => {
  const log = await filledLog()
  const { decision } = await read(`log=${log}&from=0`)
  expect(await recordOf(decision)).toMatchObject({
    kind: "management",
    path: "/v1/records",
    arguments: { log, from: 0 },
  })
})
