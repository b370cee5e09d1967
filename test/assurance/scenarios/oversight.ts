/** People decide, and what they end is over. */
import { expect } from "vitest"
import { createRemoteJWKSet, jwtVerify } from "jose"
import { manage, type Evidence } from "../evidence.ts"
import { HOOKS, type GuardedWorld } from "../guarded.ts"
import { replacing, withoutRule } from "../scenario.ts"
import { Refused, type Session } from "../world.ts"
import { refund, TICKETS } from "./calls.ts"
import { AMY, ANN, OLIVIA, VICTOR } from "./people.ts"

const tokenOf = ({ authorization }: Session): string => authorization.replace("Bearer ", "")

/** The approval that the latest denied call of the task waits for. */
async function pendingApproval({ narrowgate }: GuardedWorld, { task }: Session): Promise<string> {
  const records = await narrowgate.records(String(task))
  const id = records.findLast(({ code }) => code === "approval_required")?.denial?.["approval"]
  return `/v1/tasks/${task}/approvals/${String(id)}`
}

export const APPROVED_BY_A_PERSON: Evidence = {
  name: "Only an approver approves of a large refund, and only of that one, once",
  control: "the group of the approvers",
  async holds(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "refund" })
    expect((await world.call(session, refund("o-1", 12_000))).status).toBe(403)
    const approval = await pendingApproval(world, session)
    const vote = { approve: true }
    expect(await manage(world, tokenOf(session), "POST", approval, vote)).toMatchObject({ status: 401 })
    expect((await manage(world, ANN, "POST", approval, vote)).status, "a vote of the task's own person").toBe(403)
    expect(await manage(world, OLIVIA, "POST", approval, vote)).toMatchObject({ status: 200 })
    expect((await world.call(session, refund("o-1", 12_001))).status).toBe(403)
    expect((await world.call(session, refund("o-1", 12_000))).status).toBe(200)
    expect((await world.call(session, refund("o-1", 12_000))).status).toBe(403)
  },
  without: { "approvers.yaml": replacing("{ issuer: login, group: operations }\n", "user\n    own: true\n") },
  fails: "a vote of the task's own person",
}

export const APPROVAL_SHOWS_THE_CALL: Evidence = {
  name: "An approver sees the whole call, with every argument, and the rule that asks for them",
  control: "arguments that the catalog does not redact",
  async holds(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "refund" })
    await world.call(session, refund("o-1", 12_000))
    const shown = await manage(world, OLIVIA, "GET", await pendingApproval(world, session))
    expect(shown.body, "what the approver sees").toMatchObject({
      tool: "billing.refund",
      arguments: { order: "o-1", amount: 12_000 },
      redacted: [],
      rules: ["refunds-above-100-are-approved"],
      chain: ["spiffe://example.org/agent/desk"],
      user: "https://login.example|ann",
    })
  },
  without: {
    "catalog.yaml": replacing("name: billing.refund\n", "name: billing.refund\n    redact: [order]\n"),
  },
  fails: "what the approver sees",
}

export const APPROVAL_EXPIRES: Evidence = {
  name: "An approval that nobody gave within a quarter of an hour can no longer be given",
  control: "the life of the approval",
  async holds(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "refund" })
    await world.call(session, refund("o-1", 12_000))
    const approval = await pendingApproval(world, session)
    await world.pass("16 minutes")
    const { status } = await manage(world, OLIVIA, "POST", approval, { approve: true })
    expect(status, "a vote after sixteen minutes").toBeGreaterThanOrEqual(400)
  },
  without: { "approvers.yaml": replacing("life: 15m", "life: 25m") },
  fails: "a vote after sixteen minutes",
}

/** Two agents of two people. */
const twoWork = async (world: GuardedWorld): Promise<readonly Session[]> => [
  await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" }),
  await world.begin({ agent: "researcher", person: AMY, purpose: "answer-ticket" }),
]

async function worksUnrevoked(world: GuardedWorld): Promise<void> {
  const sessions = await twoWork(world)
  for (let time = 1; time <= 5; time++) {
    for (const session of sessions) expect((await world.call(session, TICKETS)).status).toBe(200)
  }
  await world.begin({ agent: "desk", person: ANN })
  expect(await world.denials()).toEqual([])
}

export const REVOKED_AT_ONCE: Evidence = {
  name: "A task, an agent, a person or tools that an operator revokes are denied from the next call on",
  control: "the switches, which every call looks at",
  async holds(world) {
    const revoke = async (what: object): Promise<void> => {
      const { status } = await manage(world, OLIVIA, "POST", "/v1/revocations", { ...what, reason: "a drill" })
      expect(status, JSON.stringify(what)).toBe(200)
    }
    const [first, second, third] = [
      await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" }),
      await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" }),
      await world.begin({ agent: "researcher", person: AMY, purpose: "answer-ticket" }),
    ]
    const statuses = async (): Promise<readonly number[]> =>
      Promise.all([first, second, third].map(async (session) => (await world.call(session, TICKETS)).status))
    expect(await statuses()).toEqual([200, 200, 200])
    await revoke({ task: first.task })
    expect(await statuses()).toEqual([401, 200, 200])
    await revoke({ agent: "spiffe://example.org/agent/desk" })
    expect(await statuses()).toEqual([401, 401, 200])
    await expect(world.begin({ agent: "desk", person: ANN })).rejects.toThrow(Refused)
    await revoke({ tool: "crm.tickets.*" })
    expect(await statuses()).toEqual([401, 401, 403])
    await revoke({ user: "https://login.example|amy" })
    expect(await statuses()).toEqual([401, 401, 401])
    const reasons = (await world.denials()).map(({ reason }) => reason)
    expect(new Set(reasons)).toEqual(new Set(["task_ended", "stopped", "tool_stopped"]))
  },
  without: null,
  instead: { words: "the same calls and token requests while nothing is revoked", shows: worksUnrevoked },
  isApart: true,
}

export const EVERYTHING_SUSPENDED: Evidence = {
  name: "One switch denies every call and every token request, of all agents for all people, until it is lifted",
  control: "the switch, which every call and every token request looks at",
  async holds(world) {
    const sessions = await twoWork(world)
    const set = await manage(world, OLIVIA, "POST", "/v1/revocations", { everything: true, reason: "a drill" })
    expect(set).toMatchObject({ status: 200 })
    for (const session of sessions) expect((await world.call(session, TICKETS)).status).toBe(401)
    await expect(world.begin({ agent: "desk", person: ANN })).rejects.toThrow(Refused)
    expect((await world.denials()).map(({ reason }) => reason)).toContain("stopped")
    const id = Object(set.body).id
    expect(await manage(world, OLIVIA, "DELETE", `/v1/revocations/${id}`)).toMatchObject({ status: 200 })
    // Leases of what is revoked last for two seconds.
    await world.pass("5 seconds")
    for (const session of sessions) expect((await world.call(session, TICKETS)).status).toBe(200)
  },
  without: null,
  instead: { words: "the same calls and token requests while nothing is revoked", shows: worksUnrevoked },
}

export const QUARANTINED_WITH_NOTICE: Evidence = {
  name: "A task that runs into many denials is quarantined, those who look after security get notice of it, and an operator releases it",
  control: "the quarantine after a storm of denials",
  async holds(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    for (let probe = 1; probe <= 12; probe++) await world.call(session, refund(`o-${probe}`, 1))
    expect((await world.call(session, TICKETS)).status, "a call after the storm").toBe(401)
    const { url } = world.narrowgate
    expect(await manage(world, OLIVIA, "GET", `/v1/tasks/${session.task}`)).toMatchObject({
      body: { tasks: [{ status: "quarantined" }] },
    })
    await expect(world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })).rejects.toThrow(Refused)
    await world.pass("10 seconds")
    const notice = world.deeds.findLast(({ path }) => path === HOOKS)
    const { payload } = await jwtVerify(
      String(notice?.body),
      createRemoteJWKSet(new URL("/.well-known/jwks.json", url)),
    )
    expect(Object.keys(Object(payload["events"]))).toEqual(["urn:narrowgate:event-type:task-quarantined"])
    expect(await manage(world, OLIVIA, "POST", `/v1/tasks/${session.task}/release`)).toMatchObject({ status: 200 })
    expect((await world.call(session, TICKETS)).status).toBe(200)
  },
  without: { "guardrails.yaml": replacing("    then: quarantine\n", "") },
  fails: "a call after the storm",
}

export const AGENTS_MANAGE_NOTHING: Evidence = {
  name: "Neither an agent's token nor the session that an app passes to agents manages anything, even if the person is an operator",
  control: "clients for managing, apart from those of agents",
  async holds(world) {
    const { narrowgate } = world
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    const requests = [
      ["POST", "/v1/revocations", { everything: true }],
      ["POST", "/v1/risks", { user: "https://login.example|amy", level: 100 }],
      ["GET", "/v1/decisions", undefined],
    ] as const
    for (const token of [tokenOf(session), await narrowgate.session(OLIVIA), await narrowgate.identity("desk")]) {
      for (const [method, path, body] of requests)
        expect(await manage(world, token, method, path, body), path).toMatchObject({ status: 401 })
    }
    expect((await world.call(session, TICKETS)).status).toBe(200)
  },
  without: {
    "issuers.yaml": replacing(
      "clients: [narrowgate]",
      "audiences: [https://narrowgate.example]\n      clients: [narrowgate, desk-app]",
    ),
  },
  refused: "client `desk-app` is trusted for users and for operators",
}

export const ROLES_APART: Evidence = {
  name: "Who may look may look, and suspend nothing",
  control: "the role of each person",
  async holds(world) {
    expect(await manage(world, VICTOR, "GET", "/v1/decisions")).toMatchObject({ status: 200 })
    const { status } = await manage(world, VICTOR, "POST", "/v1/revocations", { everything: true })
    expect(status, "a revocation by a viewer").toBe(403)
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    expect((await world.call(session, TICKETS)).status).toBe(200)
  },
  without: { "operators.yaml": replacing("roles: [viewer]", "roles: [viewer, operator]") },
  fails: "a revocation by a viewer",
}

export const RISK_COUNTS: Evidence = {
  name: "A reported risk denies the same call that was allowed before, and allows it again when it is lifted",
  control: "the rule about risk",
  async holds(world) {
    const report = async (level: number): Promise<unknown> =>
      manage(world, OLIVIA, "POST", "/v1/risks", { user: "https://login.example|ann", level, confirm: true })
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "refund" })
    expect((await world.call(session, refund("o-1", 100))).status).toBe(200)
    expect(await report(80)).toMatchObject({ status: 200 })
    expect((await world.call(session, refund("o-1", 100))).status, "a refund at risk").toBe(403)
    expect(await report(0)).toMatchObject({ status: 200 })
    expect((await world.call(session, refund("o-1", 100))).status).toBe(200)
  },
  without: { "rules.cedar": withoutRule("nothing-is-changed-at-risk") },
  fails: "a refund at risk",
}
