/**
 * The promise of a risk that is told: once that is acknowledged, every call that depends on whom or what it was told of
 * is judged by it, wherever, until it has decayed or is lifted.
 */
import { beforeEach, describe, expect, test, vi } from "vitest"
import type { Storm } from "../../src/core/guardrails/storm.ts"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { evict } from "../harness/ledgers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { CAREFUL, known, publishCareful } from "../harness/risks.ts"
import { keepLeases } from "../harness/switches.ts"

beforeEach(publishCareful)
freshIsolateForEach()

const USER = "https://idp.test|alice"
const push = async (body: unknown) => manage("POST", "/v1/risks", await bearerOf("operator"), {}, body)
/** Whether or not the name is known, which a person is once their record has arrived. */
const tell = async (body: object) => push({ confirm: true, ...body })
const call = async ({ token }: OpenTask) => callWith(token, "/files/a")
const codes = async (...tasks: readonly OpenTask[]) => {
  const all: string[] = []
  for (const task of tasks) all.push((await call(task)).code)
  return all
}

async function family() {
  const root = await openTask("first")
  const child = await openChild(root.token, "second")
  const below = await openChild(child.token, "third")
  const sibling = await openChild(root.token, "second")
  const other = await openTask("third", { purpose: "work" })
  return { root, child, all: [root, child, below, sibling, other] }
}

const [OK, NO] = ["ok", "policy_denied"]

describe("a risk that is acknowledged", () => {
  test.each([
    ["of an agent: of what it does, and what is done for it", { agent: agentId("second") }, [OK, NO, NO, NO, OK]],
    ["of an agent above", { agent: agentId("first") }, [NO, NO, NO, NO, OK]],
    ["of a user: of all that is done for them", { user: USER }, [NO, NO, NO, NO, NO]],
    ["of another user: of nothing here", { user: "https://idp.test|bob" }, [OK, OK, OK, OK, OK]],
    ["of an agent that none of them is", { agent: USER }, [OK, OK, OK, OK, OK]],
  ])(
    "%s: the next call is judged by it, in every isolate and after a crash, until it is lifted",
    async (_what, of, expected) => {
      const { all } = await family()
      expect(await codes(...all)).toEqual([OK, OK, OK, OK, OK])
      expect(await tell({ ...of, level: 50, half_life: 604_800 })).toMatchObject({ status: 200 })
      expect(await codes(...all)).toEqual(expected)
      forgetCaches()
      await killObjects()
      expect(await codes(...all)).toEqual(expected)
      expect(await tell({ ...of, level: 0 })).toMatchObject({ status: 200, json: { ...of, level: 0 } })
      expect(await codes(...all)).toEqual([OK, OK, OK, OK, OK])
    },
  )

  test("of a task: of all that its agent does for the user, at once, and after its ledger was evicted", async () => {
    keepLeases()
    const { root, child, all } = await family()
    await codes(...all)
    const start = Date.now()
    const body = { task: child.task, level: 70, half_life: 600, reason: "somebody has read the mail" }
    const answer = await tell(body)
    expect(answer).toMatchObject({ status: 200, json: { task: child.task, level: 70, half_life: 600 } })
    expect(Date.now() - start).toBeLessThan(1_900)
    expect(await codes(...all)).toEqual([OK, NO, NO, NO, OK])
    await evict(root.task)
    expect(await codes(...all)).toEqual([OK, NO, NO, NO, OK])
    await killObjects()
    await tell({ task: root.task, level: 60 })
    expect(await codes(...all)).toEqual([NO, NO, NO, NO, OK])
    const { json } = await manage("GET", `/v1/tasks/${root.task}`, await bearerOf("viewer"))
    expect(json).toMatchObject({ tasks: [60, 70, 70, 70].map((risk) => ({ risk })) })
    // The newer replaces the older, the higher and the lower alike.
    const lower = await tell({ task: root.task, level: 20 })
    expect(await codes(...all)).toEqual([OK, NO, NO, NO, OK])
    await tell({ task: child.task, level: 0 })
    await evict(root.task)
    expect(await codes(...all)).toEqual([OK, OK, OK, OK, OK])
    const first = await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")
    const second = await recordOf(lower.headers.get("X-Narrowgate-Decision") ?? "")
    expect(second).toMatchObject({ task: root.task, arguments: { task: root.task, level: 20, half_life: 3600 } })
    const of = { kind: "management", decision: "allow", operator: "https://idp.test|operator", task: child.task }
    expect(first).toMatchObject({ ...of, rules: ["operators-manage"], arguments: body, method: "POST" })
  })

  test("of a task that has ended goes on in the agent's others, and is withdrawn by any of them", async () => {
    const rated = await openTask("first")
    await tell({ task: rated.task, level: 70, half_life: 604_800 })
    await manage("POST", `/v1/tasks/${rated.task}/complete`, await bearerOf("operator"))
    await killObjects()
    const next = await openTask("first")
    expect((await call(next)).code).toBe(NO)
    await tell({ task: next.task, level: 0 })
    expect((await call(next)).code).toBe(OK)
    await killObjects()
    expect((await call(next)).code).toBe(OK)
  })

  test("decays", async () => {
    const task = await openTask("first")
    await tell({ agent: agentId("first"), level: 51, half_life: 60 })
    await tell({ task: task.task, level: 51, half_life: 60 })
    const refused = await call(task)
    expect(refused.code).toBe(NO)
    const record = await recordOf(refused.decision)
    const denial = { reason: "policy_forbids", rules: [CAREFUL.id] }
    expect(record).toMatchObject({ denial, facts: { risk: expect.any(Number) } })
    vi.useFakeTimers({ now: Date.now() + 10_000, toFake: ["Date"] })
    const allowed = await call(task)
    expect(allowed.code).toBe(OK)
    const { risk } = (await recordOf(allowed.decision)).facts
    expect(risk).toBeGreaterThan(43)
    expect(risk).toBeLessThan(50)
    const { json } = await manage("GET", "/v1/risks", await bearerOf("viewer"))
    const now = expect.toSatisfy((left: number) => left > 40 && left < 50)
    const told = { agent: agentId("first"), level: 51, half_life: 60, at: expect.any(Number), now }
    expect(json).toEqual({ risks: [told] })
  })

  test("is told to the rules where nobody told any: 0", async () => {
    const { decision, code } = await call(await openTask("first"))
    expect(code).toBe(OK)
    expect((await recordOf(decision)).facts).toEqual({ risk: 0 })
  })
})

test("a risk counts for what is refused at the edge too: a storm from that risk on ends the task", async () => {
  const body = await yard()
  const storm: Storm = {
    kind: "storm",
    id: "doors",
    of: { tools: ["*"] },
    consequence: "revoke",
    fromRisk: 50,
    limit: 2,
    seconds: 60,
    per: "task",
  }
  await publish({ ...body, guardrails: [...body.guardrails, storm] }, 2)
  const [calm, risky] = [await openTask("first"), await openTask("third")]
  await tell({ agent: agentId("third"), level: 60, half_life: 604_800 })
  const door = async ({ token }: OpenTask) => (await callWith(token, "/nothing")).code
  for (const task of [calm, risky]) {
    for (let time = 0; time < 3; time++) expect(await door(task)).toBe("unknown_tool")
  }
  await vi.waitFor(async () => expect((await call(risky)).code).toBe("invalid_token"))
  expect((await call(calm)).code).toBe(OK)
})

describe("who tells of a risk", () => {
  test("is an operator, nobody else; viewers see what was told", async () => {
    const task = await openTask("first")
    for (const authorization of [null, `Bearer ${task.token}`, await bearerOf("viewer")]) {
      for (const of of [{ agent: agentId("first") }, { user: USER }, { task: task.task }]) {
        const { status } = await manage("POST", "/v1/risks", authorization, {}, { ...of, level: 90 })
        expect([401, 403]).toContain(status)
      }
    }
    expect((await call(task)).code).toBe(OK)
    expect((await manage("GET", "/v1/risks", null)).status).toBe(401)
    expect((await manage("GET", "/v1/risks", await bearerOf("viewer"))).json).toEqual({ risks: [] })
  })

  test("of a task that is not there is told so, and recorded with what they said", async () => {
    const body = { task: `tsk_${"0".repeat(36)}`, level: 9 }
    const { status, headers } = await tell(body)
    expect(status).toBe(404)
    const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
    const denial = { reason: "not_found", what: "task" }
    expect(record).toMatchObject({ denial, arguments: { ...body, half_life: 3600 } })
    expect((await tell({ ...body, task: `${(await openTask("first")).task}.1` })).status).toBe(404)
  })

  test.each<readonly [string, unknown]>([
    ["of nobody", { level: 5 }],
    ["of two", { agent: "a", user: USER, level: 5 }],
    ["of no name", { agent: "", level: 5 }],
    ["of a name that is too long", { agent: "a".repeat(513), level: 5 }],
    ["of what is no task", { task: "tsk_1", level: 5 }],
    ["no level", { agent: "a" }],
    ["a level below 0", { agent: "a", level: -1 }],
    ["a level above 100", { agent: "a", level: 101 }],
    ["a level that is not whole", { agent: "a", level: 1.5 }],
    ["a level in words", { agent: "a", level: "5" }],
    ["too short a half-life", { agent: "a", level: 5, half_life: 59 }],
    ["too long a half-life", { agent: "a", level: 5, half_life: 604_801 }],
    ["too long a reason", { agent: "a", level: 5, reason: "x".repeat(1_025) }],
    ["what nobody knows", { agent: "a", level: 5, until: 9 }],
    ["a list", []],
  ])("that says %s is malformed", async (_what, body) => {
    expect(await push(body)).toMatchObject({ status: 400, code: "invalid_request" })
  })
})

describe("a name that nobody knows", () => {
  const UNKNOWN = [
    ["an agent", { agent: `${agentId("first")}x` }, "agent", [agentId("first")]],
    ["a person", { user: "https://idp.test|alicee" }, "user", [USER]],
    ["a stream", { agent: agentId("first"), stream: "idp-signal", level: 0 }, "stream", ["idp-signals"]],
  ] as const

  test.each(UNKNOWN)("%s: nothing is changed, and what it may be for is said", async (_what, of, what, nearest) => {
    const task = await openTask("first")
    await vi.waitFor(async () => expect((await push({ user: USER, level: 0 })).status).toBe(200), 4_000)
    const { status, json, headers } = await push({ level: 90, ...of })
    expect([status, json]).toMatchObject([404, { error: "not_found", nearest }])
    expect(await known()).toEqual([])
    const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
    expect(record).toMatchObject({ denial: { reason: "not_found", what }, arguments: of })
    expect((await call(task)).code).toBe(OK)
  })

  test.each(UNKNOWN)("%s, confirmed, is told of all the same, and what was told can be lifted", async (_what, of) => {
    expect((await push({ level: 90, ...of, confirm: true })).status).toBe(200)
    if ("stream" in of) return
    expect(await known()).toHaveLength(1)
    expect((await push({ level: 0, ...of })).status).toBe(200)
    expect(await known()).toEqual([])
  })
})
