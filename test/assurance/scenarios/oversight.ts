/** People decide, and what they end has ended. */
import { expect } from "vitest"
import { createRemoteJWKSet, jwtVerify } from "jose"
import { TaskDenied } from "../../../testing/index.ts"
import type { Evidence } from "../evidence.ts"
import { HOOKS, type GuardedWorld } from "../guarded.ts"
import { replacing, withoutRule } from "../scenario.ts"
import type { Session } from "../world.ts"
import { refund, TICKETS } from "./calls.ts"
import { approvalIn, manage, tokenOf } from "./narrowgate.ts"
import { AMY, ANN, OLIVIA, VICTOR } from "./people.ts"
import { answerTicket, giveRefund } from "./work.ts"

const LARGE = refund("o-1", 12_000)

/** A task whose large refund needs an approval, and the path of that approval. */
async function pendingRefund(world: GuardedWorld): Promise<{ session: Session; approval: string }> {
  const session = await world.begin(giveRefund(ANN))
  const { status, body } = await world.call(session, LARGE)
  expect(status).toBe(403)
  return { session, approval: approvalIn(body) }
}

export const APPROVED_BY_A_PERSON: Evidence = {
  name: "Only an approver approves a large refund, and only that one, once",
  control: "the group of the approvers",
  async holds(world) {
    const { session, approval } = await pendingRefund(world)
    const vote = { approve: true }
    expect(await manage(world.narrowgate, tokenOf(session), "POST", approval, vote)).toMatchObject({ status: 401 })
    expect(
      (await manage(world.narrowgate, ANN, "POST", approval, vote)).status,
      "a vote of the task's own person",
    ).toBe(403)
    expect(await manage(world.narrowgate, OLIVIA, "POST", approval, vote)).toMatchObject({ status: 200 })
    expect((await world.call(session, refund("o-1", 12_001))).status).toBe(403)
    expect((await world.call(session, LARGE)).status).toBe(200)
    expect((await world.call(session, LARGE)).status).toBe(403)
  },
  without: { "approvers.yaml": replacing("{ issuer: login, group: operations }\n", "user\n    own: true\n") },
  fails: "a vote of the task's own person",
}

export const APPROVAL_SHOWS_THE_CALL: Evidence = {
  name: "An approver sees the whole call, with every argument, and the rule that requires the approval",
  control: "arguments that the catalog does not redact",
  async holds(world) {
    const { approval } = await pendingRefund(world)
    const { body } = await manage(world.narrowgate, OLIVIA, "GET", approval)
    expect(body, "what the approver sees").toMatchObject({
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
  name: "An approval that was not given within a quarter of an hour can no longer be given",
  control: "the life of the approval",
  async holds(world) {
    const { approval } = await pendingRefund(world)
    await world.pass("16 minutes")
    const { status } = await manage(world.narrowgate, OLIVIA, "POST", approval, { approve: true })
    expect(status, "a vote after sixteen minutes").toBeGreaterThanOrEqual(400)
  },
  without: { "approvers.yaml": replacing("life: 15m", "life: 25m") },
  fails: "a vote after sixteen minutes",
}

/** Two agents of two people. */
const twoWork = async (world: GuardedWorld): Promise<readonly Session[]> => [
  await world.begin(answerTicket(ANN)),
  await world.begin({ ...answerTicket(AMY), agent: "researcher" }),
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
  control: "the revocations, which every call checks",
  async holds(world) {
    const revoke = async (what: object): Promise<void> => {
      const { status } = await manage(world.narrowgate, OLIVIA, "POST", "/v1/revocations", {
        ...what,
        reason: "a drill",
      })
      expect(status, JSON.stringify(what)).toBe(200)
    }
    const [first, second, third] = [
      await world.begin(answerTicket(ANN)),
      await world.begin(answerTicket(ANN)),
      await world.begin({ ...answerTicket(AMY), agent: "researcher" }),
    ]
    const statuses = async (): Promise<readonly number[]> =>
      Promise.all([first, second, third].map(async (session) => (await world.call(session, TICKETS)).status))
    expect(await statuses()).toEqual([200, 200, 200])
    await revoke({ task: first.task })
    expect(await statuses()).toEqual([401, 200, 200])
    await revoke({ agent: "spiffe://example.org/agent/desk" })
    expect(await statuses()).toEqual([401, 401, 200])
    await expect(world.begin({ agent: "desk", person: ANN })).rejects.toThrow(TaskDenied)
    await revoke({ tool: "crm.tickets.*" })
    expect(await statuses()).toEqual([401, 401, 403])
    await revoke({ user: "https://login.example|amy" })
    expect(await statuses()).toEqual([401, 401, 401])
    const reasons = (await world.denials()).map(({ reason }) => reason)
    expect(new Set(reasons)).toEqual(new Set(["task_ended", "stopped", "tool_stopped"]))
  },
  without: null,
  instead: { words: "the same calls and token requests while nothing is revoked", shows: worksUnrevoked },
  needsOwnNarrowgate: true,
}

export const EVERYTHING_REVOKED: Evidence = {
  name: "One revocation denies every call and every token request, of all agents for all people, until an operator ends it",
  control: "the revocation, which every call and every token request checks",
  async holds(world) {
    const sessions = await twoWork(world)
    const set = await manage(world.narrowgate, OLIVIA, "POST", "/v1/revocations", {
      everything: true,
      reason: "a drill",
    })
    expect(set).toMatchObject({ status: 200 })
    for (const session of sessions) expect((await world.call(session, TICKETS)).status).toBe(401)
    await expect(world.begin({ agent: "desk", person: ANN })).rejects.toThrow(TaskDenied)
    expect((await world.denials()).map(({ reason }) => reason)).toContain("stopped")
    const id = Object(set.body).id
    expect(await manage(world.narrowgate, OLIVIA, "DELETE", `/v1/revocations/${id}`)).toMatchObject({ status: 200 })
    // Leases of what is revoked last for two seconds.
    await world.pass("5 seconds")
    for (const session of sessions) expect((await world.call(session, TICKETS)).status).toBe(200)
  },
  without: null,
  instead: { words: "the same calls and token requests while nothing is revoked", shows: worksUnrevoked },
}

export const QUARANTINED_WITH_NOTICE: Evidence = {
  name: "A task that runs into many denials is quarantined, the receivers of the security team get a notice, and an operator releases it",
  control: "the quarantine after a storm of denials",
  async holds(world) {
    const session = await world.begin(answerTicket(ANN))
    for (let probe = 1; probe <= 12; probe++) await world.call(session, refund(`o-${probe}`, 1))
    expect((await world.call(session, TICKETS)).status, "a call after the storm").toBe(401)
    const { url } = world.narrowgate
    expect(await manage(world.narrowgate, OLIVIA, "GET", `/v1/tasks/${session.task}`)).toMatchObject({
      body: { tasks: [{ status: "quarantined" }] },
    })
    await expect(world.begin(answerTicket(ANN))).rejects.toThrow(TaskDenied)
    await world.pass("10 seconds")
    const notice = world.servedRequests.findLast(({ path }) => path === HOOKS)
    const { payload } = await jwtVerify(
      String(notice?.body),
      createRemoteJWKSet(new URL("/.well-known/jwks.json", url)),
    )
    expect(Object.keys(Object(payload["events"]))).toEqual(["urn:narrowgate:event-type:task-quarantined"])
    expect(await manage(world.narrowgate, OLIVIA, "POST", `/v1/tasks/${session.task}/release`)).toMatchObject({
      status: 200,
    })
    expect((await world.call(session, TICKETS)).status).toBe(200)
  },
  without: { "guardrails.yaml": replacing("    then: quarantine\n", "") },
  fails: "a call after the storm",
}

export const AGENTS_MANAGE_NOTHING: Evidence = {
  name: "Neither an agent's token nor the session that an app passes to agents manages anything, even if the person is an operator",
  control: "clients of operators, separate from those of users",
  async holds(world) {
    const { narrowgate } = world
    const session = await world.begin(answerTicket(ANN))
    const requests = [
      ["POST", "/v1/revocations", { everything: true }],
      ["POST", "/v1/risks", { user: "https://login.example|amy", level: 100 }],
      ["GET", "/v1/decisions", undefined],
    ] as const
    for (const token of [tokenOf(session), await narrowgate.session(OLIVIA), await narrowgate.identity("desk")]) {
      for (const [method, path, body] of requests)
        expect(await manage(world.narrowgate, token, method, path, body), path).toMatchObject({ status: 401 })
    }
    expect((await world.call(session, TICKETS)).status).toBe(200)
  },
  without: {
    "issuers.yaml": replacing(
      "clients: [narrowgate]",
      "audiences: [https://narrowgate.example]\n      clients: [narrowgate, desk-app]",
    ),
  },
  problem: "client `desk-app` is trusted for users and for operators",
}

export const ROLES_APART: Evidence = {
  name: "A viewer may look at Narrowgate, and revoke nothing",
  control: "the role of each operator",
  async holds(world) {
    expect(await manage(world.narrowgate, VICTOR, "GET", "/v1/decisions")).toMatchObject({ status: 200 })
    const { status } = await manage(world.narrowgate, VICTOR, "POST", "/v1/revocations", { everything: true })
    expect(status, "a revocation by a viewer").toBe(403)
    const session = await world.begin(answerTicket(ANN))
    expect((await world.call(session, TICKETS)).status).toBe(200)
  },
  without: { "operators.yaml": replacing("roles: [viewer]", "roles: [viewer, operator]") },
  fails: "a revocation by a viewer",
}

export const RISK_COUNTS: Evidence = {
  name: "A reported risk denies the same call that was allowed before, and allows it again when the risk is reported as none",
  control: "the rule about risk",
  async holds(world) {
    const report = async (level: number): Promise<unknown> =>
      manage(world.narrowgate, OLIVIA, "POST", "/v1/risks", { user: "https://login.example|ann", level, confirm: true })
    const session = await world.begin(giveRefund(ANN))
    expect((await world.call(session, refund("o-1", 100))).status).toBe(200)
    expect(await report(80)).toMatchObject({ status: 200 })
    expect((await world.call(session, refund("o-1", 100))).status, "a refund at risk").toBe(403)
    expect(await report(0)).toMatchObject({ status: 200 })
    expect((await world.call(session, refund("o-1", 100))).status).toBe(200)
  },
  without: { "rules.cedar": withoutRule("nothing-is-changed-at-risk") },
  fails: "a refund at risk",
}
