import { decodeJwt, decodeProtectedHeader } from "jose"
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { findRecords } from "../../src/audit/record-logs.ts"
import { NO_USER_NAME } from "../../src/api/contract/names.ts"
import { recordOf as recordStart } from "../../src/core/record/record.ts"
import { JWT_BEARER, openChild, openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { knock } from "../harness/door.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { accessToken, agentId, IDP, idToken, stranger, svid, US } from "../harness/issuers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"
import type { Stopped } from "../../src/core/signals/switch.ts"
import { Switchboard } from "../../src/revocation/switchboard.ts"
import { ledgerOf } from "../harness/ledgers.ts"

yardForEach()

const views = z.object({ tasks: z.array(z.looseObject({ id: z.string(), status: z.string() })) })
const show = async (task: string, authorization: string | null) => manage("GET", `/v1/tasks/${task}`, authorization)
const end = async (task: string, authorization: string | null) =>
  manage("POST", `/v1/tasks/${task}/complete`, authorization)

async function family() {
  const root = await openTask("first", { purpose: "work" })
  const child = await openChild(root.token, "second")
  const other = await openTask("first")
  return { root, child, other, operator: await bearerOf("operator"), viewer: await bearerOf("viewer") }
}

describe("GET /v1/tasks/:id", () => {
  test("shows state, tree and what is left, to the task's agent and to operators", async () => {
    const { root, child, viewer } = await family()
    await callWith(child.token, "/files")
    for (const authorization of [`Bearer ${root.token}`, viewer]) {
      const { status, json } = await show(root.task, authorization)
      expect(status).toBe(200)
      const { tasks } = views.parse(json)
      expect(tasks).toMatchObject([
        { id: root.task, parent: null, agent: agentId("first"), purpose: "work", status: "active", calls: { used: 1 } },
        {
          id: child.task,
          parent: root.task,
          agent: agentId("second"),
          status: "active",
          calls: { used: 1, limit: null },
        },
      ])
    }
    // A token that was revoked shows nothing any more.
    const { jti = "" } = decodeJwt(child.token)
    await ledgerOf(root.task).revokeToken(jti, child.task, null, recordStart({ id: "dec_x", at: 0, kind: "end" }))
    expect((await show(child.task, `Bearer ${child.token}`)).status).toBe(404)
    await end(child.task, `Bearer ${root.token}`)
    const states = views.parse((await show(root.task, viewer)).json).tasks.map(({ status }) => status)
    expect(states).toEqual(["active", "completed"])
  })
})

describe("a token of a task that has ended", () => {
  const asOperator = async (path: string, body: unknown = null): Promise<void> => {
    expect((await manage("POST", path, await bearerOf("operator"), {}, body)).status).toBe(200)
  }
  type Family = Awaited<ReturnType<typeof family>>
  const ENDS: Readonly<Record<string, (tasks: Family) => Promise<unknown>>> = {
    "by its own agent": async ({ child }) => complete(child.task, `Bearer ${child.token}`),
    "by the agent above": async ({ root, child }) => complete(child.task, `Bearer ${root.token}`),
    "with the task above it": async ({ root }) => complete(root.task, `Bearer ${root.token}`),
    "by an operator": async ({ child }) => asOperator(`/v1/tasks/${child.task}/complete`),
    "by a revocation of the task above it": async ({ root }) => asOperator("/v1/revocations", { task: root.task }),
  }

  test.each(Object.keys(ENDS))("%s reads nothing, and is not active", async (how) => {
    const tasks = await family()
    const { child } = tasks
    expect((await show(child.task, `Bearer ${child.token}`)).status).toBe(200)
    await ENDS[how]?.(tasks)
    const answer = await show(child.task, `Bearer ${child.token}`)
    expect([answer.status, answer.code, answer.json]).toMatchObject([401, "invalid_token", { error: "invalid_token" }])
    expect(answer.json).not.toHaveProperty("tasks")
    const because = expect.objectContaining({ reason: "task_ended" })
    const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ decision: "deny", denial: { reason: "operator_rejected", because } })
    expect(await introspected(child.token)).toEqual({ active: false })
    // An operator is shown it, and the live agent above, where there is one.
    expect((await show(child.task, tasks.viewer)).status).toBe(200)
    // The end can be asked for again where its answer was lost, and says how the task has ended: no more than that.
    const again = await end(child.task, `Bearer ${child.token}`)
    expect([again.status, again.json]).toMatchObject([200, { task: child.task, ended: [] }])
  })

  test("by expiry reads nothing either, though the token itself would live on", async () => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(start)
    const idle = await openTask("first", { purpose: "brief" })
    vi.setSystemTime(start + 31_000)
    expect((await show(idle.task, `Bearer ${idle.token}`)).code).toBe("invalid_token")
    vi.useRealTimers()
  })

  test("shows to the live agent above it how the task below has ended", async () => {
    const { root, child } = await family()
    await complete(child.task, `Bearer ${child.token}`)
    const { tasks } = views.parse((await show(child.task, `Bearer ${root.token}`)).json)
    expect(tasks).toMatchObject([{ id: child.task, status: "completed", ended_by: "completion" }])
  })

  test("and of a frozen one shows that it is frozen: its agent waits for an operator, who may let it go on", async () => {
    const { child } = await family()
    await asOperator(`/v1/tasks/${child.task}/quarantine`)
    const { tasks } = views.parse((await show(child.task, `Bearer ${child.token}`)).json)
    expect(tasks).toMatchObject([{ id: child.task, status: "quarantined" }])
    expect(await introspected(child.token)).toEqual({ active: false })
  })
})

async function introspected(token: string): Promise<unknown> {
  const body = new URLSearchParams({ token, client_assertion: await svid("first"), client_assertion_type: JWT_BEARER })
  return (await knock(new Request(`${US}/oauth/introspect`, { method: "POST", body }))).json()
}

describe("a token that a switch stops", () => {
  test.each<readonly [string, Stopped]>([
    ["of a stopped agent", { kind: "agent", agent: agentId("second") }],
    ["of an agent that works for a stopped one", { kind: "agent", agent: agentId("first") }],
    ["of a stopped user", { kind: "user", user: "https://idp.test|alice" }],
    ["while everything is stopped", { kind: "everything" }],
  ])("%s neither shows nor ends its task; an operator's does", async (_what, stopped) => {
    const { child, viewer, operator } = await family()
    const id = await stop(stopped)
    for (const answer of [
      await show(child.task, `Bearer ${child.token}`),
      await end(child.task, `Bearer ${child.token}`),
    ]) {
      expect(answer).toMatchObject({ status: 401, code: "invalid_token" })
      const because = expect.objectContaining({ reason: "stopped", switch: id })
      const record = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
      expect(record.denial).toEqual({ reason: "operator_rejected", because })
    }
    expect((await show(child.task, viewer)).status).toBe(200)
    expect((await end(child.task, operator)).json).toMatchObject({ status: "revoked", ended: [child.task] })
  })

  test("of a pulled key is refused, where nobody knows what is stopped every one is", async () => {
    const { root } = await family()
    expect((await show(root.task, `Bearer ${root.token}`)).code).toBe("ok")
    await stop({ kind: "key", kid: decodeProtectedHeader(root.token).kid ?? "" })
    expect((await show(root.task, `Bearer ${root.token}`)).code).toBe("invalid_token")
    vi.spyOn(Switchboard.prototype, "read").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    forgetCaches()
    expect((await show(root.task, `Bearer ${root.token}`)).status).toBe(503)
    vi.restoreAllMocks()
  })
})

describe("who may end a task", () => {
  test("its agent and that of a task above; ended by an operator it is revoked", async () => {
    const { root, child, other, operator } = await family()
    expect(await complete(child.task, `Bearer ${root.token}`)).toEqual([child.task])
    expect((await end(other.task, operator)).json).toEqual({ task: other.task, status: "revoked", ended: [other.task] })
    // Once more changes nothing, not even how it ended.
    expect((await end(child.task, operator)).json).toEqual({ task: child.task, status: "completed", ended: [] })
    const revoked = { task: other.task, status: "revoked", ended: [] }
    expect((await end(other.task, `Bearer ${other.token}`)).json).toEqual(revoked)
  })

  test("nobody else, and what there is and what there is not look alike", async () => {
    const { root, child, other, viewer } = await family()
    const strangerTask = `tsk_${"0".repeat(36)}`
    const answers = [
      await end(root.task, `Bearer ${child.token}`),
      await end(root.task, `Bearer ${other.token}`),
      await end(`${root.task}.9`, `Bearer ${root.token}`),
      await end(strangerTask, await bearerOf("operator")),
      await end("tsk_1", await bearerOf("operator")),
      await show(root.task, `Bearer ${child.token}`),
      await show(strangerTask, `Bearer ${child.token}`),
    ]
    for (const { status, json } of answers) {
      expect(status).toBe(404)
      expect(json).toMatchObject({ error: "not_found", error_description: "There is no such task for this caller." })
    }
    expect([(await end(root.task, viewer)).status, (await end(root.task, null)).status]).toEqual([403, 401])
    for (const { token } of [root, child, other]) expect((await callWith(token, "/files")).code).toBe("ok")
  })

  test("a bound task ends by a proof of its key only", async () => {
    const holder = await newProofKey()
    const task = await openTask("first", {}, await proofForToken(holder))
    const path = `/v1/tasks/${task.task}/complete`
    const thief = await newProofKey()
    const tries = [
      { Authorization: `Bearer ${task.token}` },
      { Authorization: `DPoP ${task.token}` },
      { Authorization: `DPoP ${task.token}`, DPoP: await proofOf(thief, "POST", US + path, task.token) },
      { Authorization: `DPoP ${task.token}`, DPoP: await proofOf(holder, "GET", US + path, task.token) },
    ]
    for (const { Authorization, ...more } of tries)
      expect((await manage("POST", path, Authorization, more)).status).toBe(401)
    const proof = { DPoP: await proofOf(holder, "POST", US + path, task.token) }
    expect((await manage("POST", path, `DPoP ${task.token}`, proof)).status).toBe(200)
  })

  test("of a bound token takes proofs for our own URL, by whatever host it is reached", async () => {
    const holder = await newProofKey()
    const { task, token } = await openTask("first", {}, await proofForToken(holder))
    const path = `/v1/tasks/${task}`
    const at = async (host: string, madeFor: string): Promise<number> => {
      const headers = { Authorization: `DPoP ${token}`, DPoP: await proofOf(holder, "GET", madeFor + path, token) }
      return (await knock(new Request(host + path, { headers }))).status
    }
    const alias = "https://narrowgate.workers.test"
    expect(await at(alias, alias)).toBe(401)
    expect(await at(US, alias)).toBe(401)
    expect(await at(alias, US)).toBe(200)
  })

  test("the ledger does not take the asker's word for which token may end what", async () => {
    const { root, child, other } = await family()
    const ledger = ledgerOf(root.task)
    const record = recordStart({ id: "dec_x", at: Date.now(), kind: "end" })
    const by = ({ token }: { readonly token: string }, jkt: string | null = null) => {
      const proof = jkt === null ? null : { jkt, jti: "j", iat: 0, freshUntil: Number.MAX_VALUE, nonce: null }
      return { token: decodeJwt(token).jti ?? "", proof }
    }
    const COMPLETED = { status: "completed", by: "completion" } as const
    for (const asker of [by(child), by(other), by(root, "another key"), { token: "", proof: null }]) {
      expect(await ledger.end({ task: root.task, ...COMPLETED }, asker, record)).toBeNull()
    }
    expect(await ledger.end({ task: root.task, ...COMPLETED }, by(root), record)).toMatchObject({ status: "completed" })
  })

  test("the end is recorded in the tree, with who ended it", async () => {
    const { root, operator } = await family()
    const { headers } = await end(root.task, operator)
    expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
      kind: "end",
      decision: "allow",
      operator: "https://idp.test|operator",
      task: root.task,
      number: 3,
    })
  })
})

describe("who is an operator", () => {
  const tokens: Readonly<Record<string, () => Promise<string>>> = {
    "an ID token": async () => idToken("operator", { claims: { aud: US, client_id: "cli" } }),
    "the session token that an app hands to agents": async () => accessToken("operator", "app"),
    "of another audience": async () => accessToken("operator", "cli", { claims: { aud: "https://other.test" } }),
    "not signed by the provider": async () => accessToken("operator", "cli", { signer: stranger }),
    expired: async () => accessToken("operator", "cli", { claims: { exp: 1_000_000_000 } }),
    "of somebody without a role": async () => accessToken("mallory", "cli"),
    "of another issuer": async () => accessToken("operator", "cli", { claims: { iss: "https://second.test" } }),
    "bound to a key": async () => accessToken("operator", "cli", { claims: { cnf: { jkt: "x" } } }),
    delegated: async () => accessToken("operator", "cli", { claims: { act: { sub: "x" } } }),
    "of several clients": async () => accessToken("operator", "cli", { claims: { client_id: ["cli", "app"] } }),
  }
  test.each(Object.keys(tokens))("nobody by a token %s", async (what) => {
    const token = (await tokens[what]?.()) ?? ""
    const paths = ["/v1/decisions", `/v1/tasks/tsk_${"0".repeat(36)}`]
    for (const path of paths) {
      const { status, code, headers } = await manage("GET", path, `Bearer ${token}`)
      expect([status, code]).toEqual([401, "invalid_token"])
      expect(headers.get("WWW-Authenticate")).toBe("Bearer")
    }
  })

  test("no token, two, or another scheme", async () => {
    const bearer = await bearerOf("operator")
    for (const authorization of [null, "", `${bearer}, ${bearer}`, bearer.replace("Bearer", "DPoP"), "Basic YTpi"]) {
      expect((await manage("GET", "/v1/decisions", authorization)).status).toBe(401)
    }
  })
})

describe("GET /v1/decisions", () => {
  test("shows records to viewers, newest first, by what is asked for", async () => {
    const task = await openTask()
    const denied = await callWith(task.token, "/nowhere")
    for (let index = 0; index < 3; index++) await callWith(task.token, "/files")
    await recordsOf(task.task, 5)
    const bearer = await bearerOf("viewer")
    const list = async (query: string) => {
      const { status, json } = await manage("GET", `/v1/decisions?${query}`, bearer)
      expect(status).toBe(200)
      return z.object({ decisions: z.array(z.looseObject({ id: z.string() })) }).parse(json).decisions
    }
    const all = await list(`task=${task.task}`)
    expect(all.map(({ id }) => id)).toEqual(
      all
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    )
    expect(await list("code=unknown_tool")).toMatchObject([{ id: denied.decision }])
    expect(await list(`task=${task.task}&decision=allow&kind=call&limit=2`)).toHaveLength(2)
    const user = encodeURIComponent(`${IDP}|alice`)
    expect(await list(`user=${user}`)).toEqual(all)
    expect(await list(`user=${user}x`)).toEqual([])
    expect(await list(`tool=files.list&agent=${encodeURIComponent(agentId("first"))}`)).toHaveLength(3)
    const [newest, ...older] = all
    expect(await list(`task=${task.task}&before=${newest?.id ?? ""}`)).toEqual(older)
    expect((await list(`task=${task.task}&after=${all.at(-1)?.id ?? ""}`)).toReversed()).toEqual(all.slice(0, -1))
    expect((await manage("GET", `/v1/decisions/${denied.decision}`, bearer)).json).toMatchObject({
      id: denied.decision,
    })
    expect((await manage("GET", "/v1/decisions/dec_none", bearer)).status).toBe(404)
  })

  test("is followed by what has arrived, which is recorded only if it reaches back", async () => {
    const task = await openTask()
    await callWith(task.token, "/files")
    await recordsOf(task.task, 2)
    const bearer = await bearerOf("viewer")
    const answer = z.object({ decisions: z.array(z.looseObject({ id: z.string() })), arrived: z.string() })
    const list = async (query: string) => {
      const { status, json } = await manage("GET", `/v1/decisions?task=${task.task}&${query}`, bearer)
      expect(status).toBe(200)
      return answer.parse(json)
    }
    const reads = async () => (await findRecords(env, { kind: "management", limit: 100 })).length
    const first = await list("")
    expect(first.decisions).toHaveLength(2)
    expect(await list(`arrived_after=${first.arrived}`)).toEqual({ decisions: [], arrived: first.arrived })
    const call = await callWith(task.token, "/files")
    await recordsOf(task.task, 3)
    const before = await reads()
    const next = await list(`arrived_after=${first.arrived}`)
    expect(next.decisions.map(({ id }) => id)).toEqual([call.decision])
    await recordsOf(task.task, 3)
    expect(await reads()).toBe(before)
    vi.useFakeTimers({ now: Date.now() + 130_000, toFake: ["Date"] })
    const later = await bearerOf("viewer")
    const old = await manage("GET", `/v1/decisions?arrived_after=${first.arrived}`, later)
    expect(old.status).toBe(200)
    vi.useRealTimers()
    await vi.waitFor(async () => expect(await reads()).toBe(before + 1))
  })

  test("what is not understood is refused, and agents see nothing", async () => {
    const bearer = await bearerOf("viewer")
    for (const query of ["limit=0", "limit=251", "limit=x", "decision=maybe", "who=me", "arrived_after=x"]) {
      expect((await manage("GET", `/v1/decisions?${query}`, bearer)).status).toBe(400)
    }
    const nameless = await manage("GET", "/v1/decisions?user=alice", bearer)
    expect([nameless.status, JSON.stringify(nameless.json)]).toEqual([400, expect.stringContaining(NO_USER_NAME)])
    expect((await manage("GET", "/v1/decisions?limit=250", bearer)).status).toBe(200)
    const task = await openTask()
    expect((await manage("GET", `/v1/decisions?task=${task.task}`, `Bearer ${task.token}`)).status).toBe(401)
  })

  test("managing is recorded itself: who looked at what, also in vain", async () => {
    const { headers } = await manage("GET", "/v1/decisions", await bearerOf("viewer"))
    const id = headers.get("X-Narrowgate-Decision") ?? ""
    expect(await recordOf(id)).toMatchObject({
      kind: "management",
      operator: "https://idp.test|viewer",
      path: "/v1/decisions",
    })
    const refused = await manage("GET", "/v1/decisions", null)
    expect(await recordOf(refused.headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
      decision: "deny",
      operator: null,
    })
  })
})
