/**
 * Labels of work on nobody's behalf: each agent has a ledger for its own trees, and what it has come across in the tree
 * of another agent counts there too.
 */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { Journal } from "../../src/ledger/journal.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { newTaskId } from "../../src/platform/task-id.ts"
import {
  AUDIENCE,
  JWT_BEARER,
  openChild,
  openTask,
  postForm,
  type Form,
  type OpenTask,
  type TokenAnswer,
} from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { at } from "../harness/clock.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId, svid } from "../harness/issuers.ts"
import { CONFIDENTIAL, read, send } from "../harness/labelled-calls.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { complete } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

yardForEach()

const HOUR = 3_600_000

beforeEach(async () => {
  const body = await yard()
  const purposes = body.purposes.map((purpose) =>
    purpose.name === "work" ? { ...purpose, user: "optional" as const } : purpose,
  )
  // The second agent, too, may do everything, and delegate to others.
  const [all] = body.agents
  const delegates = [agentId("sender"), agentId("first")]
  const agents = body.agents.map((agent) =>
    all && agent.id === agentId("second") ? { ...agent, ceiling: all.ceiling, delegates_to: delegates } : agent,
  )
  await publish({ ...body, purposes, agents }, 2)
  forgetCaches()
})

async function ask(agent: string, parent: OpenTask | null, more: Form = {}): Promise<TokenAnswer> {
  const target = { audience: AUDIENCE, purpose: "work", ...more }
  if (!parent) {
    const assertion = { client_assertion: await svid(agent), client_assertion_type: JWT_BEARER }
    return postForm({ grant_type: "client_credentials", ...target, ...assertion })
  }
  const type = (name: string): string => `urn:ietf:params:oauth:token-type:${name}`
  return postForm({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: parent.token,
    subject_token_type: type("access_token"),
    actor_token: await svid(agent),
    actor_token_type: type("jwt"),
    ...target,
  })
}

/** A task of the agent for nobody, below another one or in a tree of its own. */
async function open(agent: string, parent: OpenTask | null = null, more: Form = {}): Promise<OpenTask> {
  const { issued, refused } = await ask(agent, parent, more)
  if (!issued) throw new Error(`no token: ${JSON.stringify(refused)}`)
  return { token: issued.access_token, task: issued.task, scope: issued.scope }
}

const homeOf = (agent: string) => ledgerOf(newTaskId(env, { agent: historyKeyOf(agentId(agent)) }, Date.now()))

/** What a ledger's storage says that agents carry. */
const carriedIn = async (ledger: ReturnType<typeof homeOf>) =>
  runInDurableObject(ledger, (_object, { storage }) => {
    const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'carried'").toArray()
    if (tables.length === 0) return null
    return storage.sql.exec("SELECT agent, label, at, carry, decision FROM carried ORDER BY agent, label").toArray()
  })

const broken = async (): Promise<never> => {
  throw new Error("an inner failure, by a test")
}

test.each(["before", "after"])(
  "a sub-agent that joined %s the pick-up carries it into trees of its own",
  async (when) => {
    const root = await open("first")
    if (when === "before") await open("sender", root)
    expect(await read(root)).toBe("ok")
    if (when === "after") await open("sender", root)
    await killObjects()
    expect(await send(await open("sender"))).toBe("policy_denied")
  },
)

test("and into a tree that it had opened earlier; so does the root's agent if a sub-agent has read", async () => {
  const earlier = await open("sender")
  const root = await open("first")
  await open("sender", root)
  expect(await read(await open("reader", root))).toBe("ok")
  expect([await send(earlier), await send(await open("first"))]).toEqual(["policy_denied", "policy_denied"])
})

test("with the time and the decision of the pick-up, which no inheritance renews", async () => {
  const start = Date.now()
  at(start)
  const root = await open("first")
  const { headers } = await callWith(root.token, "/vault/1")
  const decision = headers.get("X-Narrowgate-Decision")
  at(start + 200_000)
  await open("sender", root)
  const pickUp = { agent: agentId("sender"), label: CONFIDENTIAL, at: start, carry: HOUR + 60_000, decision }
  expect(await carriedIn(homeOf("sender"))).toEqual([pickUp])
  at(start + HOUR)
  expect(await send(await open("sender"))).toBe("policy_denied")
  at(start + HOUR + 61_000)
  expect(await send(await open("sender"))).toBe("ok")
})

test("a ledger that was created for a label is deleted with it", async () => {
  const start = Date.now()
  at(start)
  const root = await open("first")
  await open("sender", root)
  expect(await read(root)).toBe("ok")
  expect(await carriedIn(homeOf("sender"))).toHaveLength(1)
  for (const later of [30 * 60_000, HOUR + 120_000]) {
    at(start + later)
    await runDurableObjectAlarm(homeOf("sender"))
    expect((await carriedIn(homeOf("sender"))) !== null).toBe(later < HOUR)
  }
})

test("no ledger is created for an agent whose tree picks up nothing, or is another, or is for a person", async () => {
  const root = await open("first")
  await open("sender", root)
  expect(await callWith(root.token, "/files")).toMatchObject({ code: "ok" })
  expect(await read(await open("third"))).toBe("ok")
  const forAlice = await openTask()
  await openChild(forAlice.token, "sender")
  expect(await read(forAlice)).toBe("ok")
  expect(await carriedIn(homeOf("sender"))).toBeNull()
})

test("while the sub-agent's ledger is out of reach the call is denied, and neither counts nor marks anything", async () => {
  const root = await open("first")
  await open("sender", root)
  vi.spyOn(Ledger.prototype, "learn").mockImplementation(broken)
  const { code, headers } = await callWith(root.token, "/vault/1")
  expect([code, headers.get("Retry-After")]).toEqual(["unavailable", "5"])
  expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
    decision: "deny",
    denial: { reason: "agent_ledger_unavailable", agent: agentId("sender") },
  })
  // What picks up nothing goes on.
  expect((await callWith(root.token, "/files")).code).toBe("ok")
  vi.restoreAllMocks()
  expect(await carriedIn(homeOf("first"))).toEqual([])
  expect(await send(root)).toBe("ok")
  expect(await read(root)).toBe("ok")
})

test("nor does an agent join, if it would carry a label that its ledger does not learn of", async () => {
  const root = await open("first")
  expect(await read(root)).toBe("ok")
  vi.spyOn(Ledger.prototype, "learn").mockImplementation(broken)
  const { status, refused } = await ask("sender", root)
  expect([status, refused?.error]).toEqual([503, "temporarily_unavailable"])
  vi.restoreAllMocks()
  expect((await ask("sender", root)).status).toBe(200)
})

test("a ledger of another version learns nothing", async () => {
  const root = await open("first")
  await open("sender", root)
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { learn } = Ledger.prototype
  vi.spyOn(Ledger.prototype, "learn").mockImplementation(async function (this: Ledger, version, ...rest) {
    return learn.call(this, version + 1, ...rest)
  })
  expect(await read(root)).toBe("unavailable")
  vi.restoreAllMocks()
  expect(await carriedIn(homeOf("sender"))).toBeNull()
})

test("calls that pick it up at once all tell the sub-agent's ledger, or none is admitted", async () => {
  const root = await open("first")
  await open("sender", root)
  const codes = await Promise.all(Array.from({ length: 8 }, async () => read(root)))
  expect(new Set(codes)).toEqual(new Set(["ok"]))
  expect(await carriedIn(homeOf("sender"))).toHaveLength(1)
})

test("what an observing gateway lets happen is told to the sub-agent's ledger as soon as that answers", async () => {
  const root = await open("first")
  await open("sender", root)
  vi.spyOn(Ledger.prototype, "learn").mockImplementation(broken)
  expect((await callWith(root.token, "/vault/1", {}, "watch")).status).toBe(200)
  expect([await send(root), await carriedIn(homeOf("sender"))]).toEqual(["policy_denied", null])
  vi.restoreAllMocks()
  expect((await callWith(root.token, "/vault/1", {}, "watch")).status).toBe(200)
  expect(await send(await open("sender"))).toBe("policy_denied")
})

test("so is what it lets happen although the edge denies it", async () => {
  const root = await open("first", null, { scope: "mail.send:write" })
  await open("sender", root)
  expect((await callWith(root.token, "/vault/1", {}, "watch")).status).toBe(200)
  await vi.waitFor(async () => expect(await carriedIn(homeOf("sender"))).toHaveLength(1))
})

describe("a sub-agent passes it on to those to whom it has delegated in trees of its own", () => {
  test("and nothing is admitted unless they learn of it", async () => {
    await open("sender", await open("second"))
    const root = await open("first")
    await open("second", root)
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { learn } = Ledger.prototype
    vi.spyOn(Ledger.prototype, "learn").mockImplementation(async function (this: Ledger, version, carried, through) {
      return carried[0]?.agent === agentId("sender") ? broken() : learn.call(this, version, carried, through)
    })
    expect(await read(root)).toBe("unavailable")
    // Once more, although the ledger in between knows by now.
    expect(await read(root)).toBe("unavailable")
    vi.restoreAllMocks()
    expect(await read(root)).toBe("ok")
    expect(await send(await open("sender"))).toBe("policy_denied")
  })

  test("also if they have delegated to each other", async () => {
    const [one, other] = [await open("first"), await open("second")]
    await open("second", one)
    await open("first", other)
    expect(await read(one)).toBe("ok")
    expect([await send(await open("first")), await send(await open("second"))]).toEqual([
      "policy_denied",
      "policy_denied",
    ])
  })
})

test("what was acknowledged while another ledger learns of a label stays, also if a step failed meanwhile", async () => {
  const [root, other] = [await open("first"), await open("first")]
  await open("sender", root)
  const progress = { isAsked: false, mayAnswer: false }
  const until = async (what: keyof typeof progress): Promise<void> => {
    while (!progress[what]) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { learn } = Ledger.prototype
  vi.spyOn(Ledger.prototype, "learn").mockImplementation(async function (this: Ledger, ...asked) {
    progress.isAsked = true
    await until("mayAnswer")
    return learn.apply(this, asked)
  })
  const reading = read(root)
  await until("isAsked")
  const failing = vi.spyOn(Journal.prototype, "commit").mockImplementationOnce(() => {
    throw new Error("an inner failure, by a test")
  })
  const put = { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } }
  expect((await callWith(other.token, "/files/a", put)).code).toBe("unavailable")
  failing.mockRestore()
  await complete(other.task, `Bearer ${other.token}`)
  progress.mayAnswer = true
  expect(await reading).toBe("ok")
  expect((await callWith(other.token, "/files")).code).toBe("invalid_token")
})
