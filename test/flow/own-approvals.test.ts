/** An agent reads what has become of an approval of a call of its own task, and waits for it. */
import { env } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { person, questionIn, say, type Question } from "../harness/approvals.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { agentId, idToken, US } from "../harness/issuers.ts"
import { bearerOf, complete, manage, type ManagementAnswer } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { keepLeases } from "../harness/switches.ts"
import { LEDGER_TIMEOUT_MS } from "../../src/ledger/ask.ts"
import { MAX_WAITS } from "../../src/ledger/approval-waits.ts"
import { switchboard } from "../../src/revocation/switchboard.ts"

yardForEach()

type Asked = OpenTask & Question & { readonly path: string }

const pay = async (token: string, amount = 150) =>
  callWith(token, "/till/bob", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ amount }),
  })

/** A task with a call that waits for `finance`. */
async function asked(opened?: OpenTask): Promise<Asked> {
  const task = opened ?? (await openTask("first"))
  const id = await questionIn(await pay(task.token))
  return { ...task, id, path: `/v1/tasks/${task.task}/approvals/${id}` }
}

const read = async (path: string, token: string | null, wait?: number | string): Promise<ManagementAnswer> =>
  manage("GET", path, token && `Bearer ${token}`, wait === undefined ? {} : { Prefer: `wait=${wait}` })
const statusOf = ({ json }: ManagementAnswer): string => z.object({ status: z.string() }).parse(json).status

test("the agent of the task sees its state, where people answer, and nothing of who they are", async () => {
  const { token, task, id, path } = await asked()
  const pending = await read(path, token)
  expect(pending.json).toEqual({
    kind: "own",
    id,
    task,
    name: "finance",
    status: "pending",
    uses: 0,
    expires_at: expect.any(Number),
    limited_by: "purpose_life",
    url: `${US}/console/approvals/${task}/${id}`,
  })
  expect(pending.headers.get("Retry-After")).toBe("5")
  expect(pending.headers.has("Preference-Applied")).toBe(false)
  await say({ task, id }, await person("fay"), { approve: true, reason: "as agreed" })
  const approved = await read(path, token)
  expect(approved.json).toMatchObject({ status: "approved", uses: 1 })
  expect(JSON.stringify(approved.json)).not.toMatch(/fay|agreed/)
  expect(approved.headers.has("Retry-After")).toBe(false)
  expect((await pay(token)).code).toBe("ok")
  expect((await read(path, token)).json).toMatchObject({ status: "approved", uses: 0 })
})

test("what ends it is named by the denial and by the agent's view of it", async () => {
  const session = await idToken("alice", { claims: { exp: Math.floor(Date.now() / 1000) + 240 } })
  const { task, token } = await openTask("first", { subject_token: session })
  const denied = await pay(token)
  const { approval } = z
    .object({ approval: z.object({ id: z.string(), limited_by: z.string() }) })
    .parse(JSON.parse(denied.body))
  expect(approval.limited_by).toBe("session")
  const { json } = await read(`/v1/tasks/${task}/approvals/${approval.id}`, token)
  expect(json).toMatchObject({ limited_by: "session" })
  expect(await recordOf(denied.decision)).toMatchObject({ denial: { limited_by: "session" } })
})

test("the URI of a denial is where it reads", async () => {
  const { token } = await openTask("first")
  const denied = await pay(token)
  const { approval } = z.object({ approval: z.object({ uri: z.string() }) }).parse(JSON.parse(denied.body))
  expect(statusOf(await read(approval.uri.slice(US.length), token))).toBe("pending")
})

test("a rejection is told as one, and each read is recorded as the agent's", async () => {
  const { token, task, id, path } = await asked()
  await say({ task, id }, await person("fay"), { approve: false })
  const rejected = await read(path, token)
  expect(statusOf(rejected)).toBe("rejected")
  expect(await recordOf(rejected.headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
    kind: "management",
    decision: "allow",
    task,
    chain: ["spiffe://example.org/agent/first"],
  })
})

describe("nobody else reads it so", () => {
  test("no other agent, nor one of a task above, below or beside it", async () => {
    const parent = await openTask("first")
    const mine = await asked(parent)
    const child = await openChild(parent.token, "second", { scope: "files.list:read" })
    const beside = await openTask("first")
    const other = await openTask("third")
    for (const token of [child.token, beside.token, other.token]) {
      const answer = await read(mine.path, token)
      expect([answer.status, answer.code]).toEqual([404, "not_found"])
    }
    // What another task waits for, under the address of one's own.
    const own = await asked(beside)
    const crossed = await read(`/v1/tasks/${own.task}/approvals/${mine.id}`, own.token)
    expect(crossed.status).toBe(404)
  })

  test("no agent of a task above the one that waits", async () => {
    const parent = await openTask("first")
    const child = await openChild(parent.token, "second", { scope: "files.list:read" })
    const path = `/v1/tasks/${child.task}/approvals/apr_${"0".repeat(26)}`
    expect((await read(path, parent.token)).status).toBe(404)
  })

  test.each([
    ["no token", null, "missing_token"],
    ["one that is none", "nonsense", "invalid_token"],
  ])("%s: %s", async (_what, token, code) => {
    const { path } = await asked()
    const answer = await read(path, token)
    expect([answer.status, answer.code]).toEqual([401, code])
  })

  test.each(["apr_x", "apr_00000000000000000000000000", `apr_${"0".repeat(200)}`, "..%2f..", "%00"])(
    "there is no %s",
    async (id) => {
      const { token, task } = await asked()
      expect((await read(`/v1/tasks/${task}/approvals/${id}`, token)).status).toBe(404)
    },
  )

  test("an ended task's token, or an expired approval, reads nothing", async () => {
    const { token, task, path } = await asked()
    await complete(task, await bearerOf("operator"))
    expect((await read(path, token)).code).toBe("invalid_token")
  })

  test("people read it as before", async () => {
    const { path } = await asked()
    const answer = await manage("GET", path, await person("fay"))
    expect(answer.json).toMatchObject({ kind: "call", votes: [] })
  })

  test("an agent answers none, with whatever token", async () => {
    const { token, path } = await asked()
    expect((await manage("POST", path, `Bearer ${token}`, {}, { approve: true })).status).toBe(401)
  })
})

test("a bound token reads with a proof of its key, once for each proof", async () => {
  const holder = await newProofKey()
  const thief = await newProofKey()
  const { token, task } = await openTask("first", {}, await proofForToken(holder))
  const call = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"amount":150}' }
  const DPoP = await proofOf(holder, "POST", "https://api.test/till/bob", token)
  const headers = { ...call.headers, Authorization: `DPoP ${token}`, DPoP }
  const id = await questionIn(await callWith(token, "/till/bob", { ...call, headers }))
  const path = `/v1/tasks/${task}/approvals/${id}`
  const proven = async (proof: string) => manage("GET", path, `DPoP ${token}`, { DPoP: proof })
  const proof = await proofOf(holder, "GET", US + path, token)
  expect(statusOf(await proven(proof))).toBe("pending")
  expect((await proven(proof)).code).toBe("invalid_token")
  expect((await proven(await proofOf(thief, "GET", US + path, token))).code).toBe("invalid_token")
  expect((await proven(await proofOf(holder, "GET", `${US}/v1/tasks/${task}`, token))).code).toBe("invalid_token")
  expect((await read(path, token)).code).toBe("invalid_token")
})

describe("with `Prefer: wait`", () => {
  const elapsed = async <Result>(work: Promise<Result>): Promise<readonly [Result, number]> => {
    const from = performance.now()
    const result = await work
    return [result, performance.now() - from]
  }

  test.each([30, 31, 99_999])("of %d s, 30 at most, it is told at once when people have decided", async (wait) => {
    const { token, task, id, path } = await asked()
    const waiting = elapsed(read(path, token, wait))
    await new Promise((resolve) => setTimeout(resolve, 300))
    await say({ task, id }, await person("fay"))
    const [answer, took] = await waiting
    expect(answer.json).toMatchObject({ status: "approved", uses: 1 })
    expect(answer.headers.get("Preference-Applied")).toBe("wait=30")
    expect(took).toBeLessThan(20_000)
  })

  test("it is told that nobody has, once the time is over", async () => {
    const { token, path } = await asked()
    const [answer, took] = await elapsed(read(path, token, 1))
    expect(statusOf(answer)).toBe("pending")
    expect([answer.headers.get("Preference-Applied"), answer.headers.get("Retry-After")]).toEqual(["wait=1", "5"])
    expect(took).toBeGreaterThanOrEqual(900)
  })

  test("it is told at once that its task has ended", async () => {
    const { token, task, path } = await asked()
    const waiting = elapsed(read(path, token, 30))
    await new Promise((resolve) => setTimeout(resolve, 300))
    await complete(task, await bearerOf("operator"))
    const [answer, took] = await waiting
    expect(answer.code).toBe("invalid_token")
    expect(took).toBeLessThan(20_000)
  })

  test("it is not told of it any more if an operator has stopped its agent meanwhile", async () => {
    const { token, path } = await asked()
    // The switches that this isolate knew when the wait began.
    keepLeases()
    const waiting = read(path, token, 4)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await switchboard(env).set({ id: "swi_1", stopped: { kind: "agent", agent: agentId("first") }, before: null })
    expect((await waiting).code).toBe("invalid_token")
  })

  test("what is decided already waits for nothing", async () => {
    const { token, task, id, path } = await asked()
    await say({ task, id }, await person("fay"), { approve: false })
    const [answer, took] = await elapsed(read(path, token, 30))
    expect(statusOf(answer)).toBe("rejected")
    expect(answer.headers.has("Preference-Applied")).toBe(false)
    expect(took).toBeLessThan(5_000)
  })

  test("an agent waits so often at a time, for longer than a ledger has for other answers, and is told at once beyond that", async () => {
    const { token, path } = await asked()
    const wait = LEDGER_TIMEOUT_MS / 1_000 + 1
    const waiting = Array.from({ length: MAX_WAITS.agent }, async () => read(path, token, wait))
    await new Promise((resolve) => setTimeout(resolve, 500))
    const [beyond, took] = await elapsed(read(path, token, 30))
    expect(statusOf(beyond)).toBe("pending")
    expect(beyond.headers.has("Preference-Applied")).toBe(false)
    expect(took).toBeLessThan(1_500)
    for (const each of await Promise.all(waiting)) expect(each.headers.get("Preference-Applied")).toBe(`wait=${wait}`)
    // Their places are free again.
    expect((await read(path, token, 1)).headers.get("Preference-Applied")).toBe("wait=1")
  })

  test.each(["0", "-1", "x", "1e9", "", "00000000000000001"])("`wait=%s` is no time to wait", async (wait) => {
    const { token, path } = await asked()
    const [answer, took] = await elapsed(read(path, token, wait))
    expect(statusOf(answer)).toBe("pending")
    expect(answer.headers.has("Preference-Applied")).toBe(false)
    expect(took).toBeLessThan(1_500)
  })

  test.each(["no-wait=1", "await=1", "x; wait=1"])("is none in another preference: %s", async (prefer) => {
    const { token, path } = await asked()
    const answer = await manage("GET", path, `Bearer ${token}`, { Prefer: prefer })
    expect(answer.headers.has("Preference-Applied")).toBe(false)
  })

  test.each(['respond-async, wait="1"', "wait=1; foo=bar", "WAIT = 1", "handling=lenient,wait=1,wait=30"])(
    "is read as RFC 7240 writes it: %s",
    async (prefer) => {
      const { token, path } = await asked()
      const answer = await manage("GET", path, `Bearer ${token}`, { Prefer: prefer })
      expect(answer.headers.get("Preference-Applied")).toBe("wait=1")
    },
  )
})
