/** Whoever floods, fails or is behind keeps nobody else from being told, and no tree from its end. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { outboundOf, OUTBOUND_VERSION } from "../../src/notifications/outbound-stub.ts"
import type { PendingCall, Notice, TaskEndNotice } from "../../src/core/notices/notice.ts"
import { Outbound } from "../../src/notifications/outbound.ts"
import type { ReceiverDefinition } from "../../src/core/policy/definition/receivers.ts"
import { forgetBundle } from "../../src/bundles/store.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { evict, ledgerOf } from "../harness/ledgers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { CHAT, deliveriesOf, DESK, network, ring, sentOf, type Network } from "../harness/receivers.ts"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

let net: Network
async function tellTo(receivers: readonly ReceiverDefinition[], seq = 1): Promise<void> {
  await publish({ ...(await yard()), receivers }, seq)
  forgetBundle()
}
beforeEach(() => {
  net = network()
})
freshIsolateForEach()

async function abortedTask(): Promise<string> {
  const { task, token } = await openTask("first")
  const { status } = await manage("POST", `/v1/tasks/${task}/abort`, `Bearer ${token}`)
  expect(status).toBe(200)
  return task
}

const keptIn = async (task: string) =>
  runInDurableObject(ledgerOf(task), (_, { storage }) => {
    const [table] = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'notices'").toArray()
    return table ? storage.sql.exec<{ count: number }>("SELECT count(*) AS count FROM notices").one().count : 0
  })
const alarmOf = async (task: string) => runInDurableObject(ledgerOf(task), async (_, { storage }) => storage.getAlarm())

/** Its object takes nothing; all others do. @returns fixes it */
async function outOfReach(receiver: string): Promise<() => Promise<void>> {
  const rename = async (from: string, to: string): Promise<void> =>
    runInDurableObject(outboundOf(env, receiver), (_, { storage }) => {
      storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`)
    })
  await rename("waiting", "lost")
  return async () => rename("lost", "waiting")
}

describe("a receiver whose object is out of reach", () => {
  test("keeps nothing from the others, now and later", async () => {
    await tellTo([CHAT, DESK])
    const fix = await outOfReach("chat")
    const { task, token } = await openTask("first")
    await manage("POST", `/v1/tasks/${task}/quarantine`, await operator())
    await manage("POST", `/v1/tasks/${task}/release`, await operator())
    await manage("POST", `/v1/tasks/${task}/abort`, `Bearer ${token}`)
    await sentOf(net, 3, "desk")
    expect(await keptIn(task)).toBe(3)
    await fix()
    await runDurableObjectAlarm(ledgerOf(task))
    await sentOf(net, 3, "chat")
    expect(await keptIn(task)).toBe(0)
    expect(net.sent.filter(({ url }) => url.includes("desk"))).toHaveLength(3)
  })

  test("does not keep a tree for ever: after a day it is not told any more, and the tree is forgotten in its time", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([CHAT])
    await outOfReach("chat")
    const task = await abortedTask()
    await vi.waitFor(async () => expect(await keptIn(task)).toBe(1))
    vi.setSystemTime(Date.now() + DAY - MINUTE)
    await runDurableObjectAlarm(ledgerOf(task))
    expect(await keptIn(task)).toBe(1)
    vi.setSystemTime(Date.now() + 2 * MINUTE)
    await runDurableObjectAlarm(ledgerOf(task))
    expect(await keptIn(task)).toBe(0)
    const tables = await runInDurableObject(ledgerOf(task), (_, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'tree'").toArray(),
    )
    expect(tables).toEqual([])
  })

  test("has nobody else handed the same again, who may not know any more that they had it", async () => {
    await tellTo([CHAT, DESK])
    const fix = await outOfReach("chat")
    const handed = vi.spyOn(Outbound.prototype, "take")
    const task = await abortedTask()
    await sentOf(net, 1, "desk")
    await runDurableObjectAlarm(ledgerOf(task))
    await evict(task)
    await runDurableObjectAlarm(ledgerOf(task))
    await fix()
    await runDurableObjectAlarm(ledgerOf(task))
    const [chat] = await sentOf(net, 1, "chat")
    expect(chat?.body).not.toContain('"had"')
    expect(handed.mock.calls.filter(([, receiver]) => receiver === "chat").length).toBeGreaterThan(2)
    expect(handed.mock.calls.filter(([, receiver]) => receiver === "desk")).toHaveLength(1)
  })

  test("is not the only thing: a notice that cannot be read keeps no other back either", async () => {
    await tellTo([DESK])
    const fix = await outOfReach("desk")
    const { task } = await openTask("first")
    await manage("POST", `/v1/tasks/${task}/quarantine`, await operator())
    await vi.waitFor(async () => expect(await keptIn(task)).toBe(1))
    await runInDurableObject(ledgerOf(task), (_, { storage }) => {
      storage.sql.exec("UPDATE notices SET body = 'null'")
    })
    await fix()
    await manage("POST", `/v1/tasks/${task}/release`, await operator())
    const [sent] = await sentOf(net, 1)
    expect(sent?.body).toContain("task.released")
  })

  test("is asked less often the longer it is, and never puts off the end of a tree", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([CHAT])
    await outOfReach("chat")
    const task = await abortedTask()
    await vi.waitFor(async () => expect(await keptIn(task)).toBe(1))
    expect(((await alarmOf(task)) ?? 0) - Date.now()).toBeLessThanOrEqual(5_000)
    vi.setSystemTime(Date.now() + HOUR)
    await runDurableObjectAlarm(ledgerOf(task))
    const pause = ((await alarmOf(task)) ?? 0) - Date.now()
    expect(pause).toBeGreaterThanOrEqual(30_000)
    expect(pause).toBeLessThanOrEqual(MINUTE)
  })
})

describe("the alarm of a ledger", () => {
  test("that notices have put before its own is given back to it: the tree ends, and is forgotten", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([DESK])
    const { task } = await openTask("first")
    const end = (await alarmOf(task)) ?? 0
    expect(end).toBeGreaterThan(Date.now() + MINUTE)
    await manage("POST", `/v1/tasks/${task}/quarantine`, await operator())
    await sentOf(net, 1)
    expect(await alarmOf(task)).toBeLessThan(Date.now() + MINUTE)
    await runDurableObjectAlarm(ledgerOf(task))
    expect(await alarmOf(task)).toBe(end)
    vi.setSystemTime(end)
    await runDurableObjectAlarm(ledgerOf(task))
    expect(await alarmOf(task)).toBe(end + HOUR)
    vi.setSystemTime(end + HOUR)
    await runDurableObjectAlarm(ledgerOf(task))
    expect(await alarmOf(task)).toBeNull()
  })
})

const operator = async (): Promise<string> => bearerOf("operator")

let made = 0
const next = (): string => `evt_${String(++made).padStart(26, "0")}`

function ended(agent: string): Notice {
  const data: TaskEndNotice = {
    kind: "end",
    task: "tsk_1",
    tasks: ["tsk_1"],
    agent,
    user: null,
    purpose: "p",
    by: "guardrail",
    operator: null,
    code: "sequence_denied",
    guardrail: "g",
  }
  return { id: next(), type: "task.quarantined", at: Date.now(), decision: "dec_1", data }
}

function asked(agent: string): Notice {
  const data: PendingCall = {
    kind: "call",
    approval: "apr_1",
    task: "tsk_1",
    tool: "files.write",
    agent,
    chain: [agent],
    user: null,
    purpose: "p",
    guardrail: null,
    name: null,
    rules: [],
    need: 1,
    arguments: '{"amount":1}',
    expiresAt: Date.now() + HOUR,
    answer: null,
  }
  return { id: next(), type: "approval.asked", at: Date.now(), decision: "dec_1", data }
}

async function take(receiver: string, notices: readonly Notice[], seq = 1): Promise<void> {
  await runInDurableObject(outboundOf(env, receiver), async (outbound: Outbound) => {
    for (const each of notices)
      expect(await outbound.take(OUTBOUND_VERSION, receiver, each.id, JSON.stringify(each), seq)).toBe(true)
  })
}

const held = async (receiver: string) => {
  net.answer = () => new Response(null, { status: 503, headers: { "Retry-After": "3600" } })
  await take(receiver, [asked("before")])
  await vi.waitFor(async () => expect((await deliveriesOf(receiver)).last_failure).not.toBeNull())
}
const many = (count: number, of: () => Notice): readonly Notice[] => Array.from({ length: count }, of)

describe("a receiver's object", () => {
  test("that fails when its alarm rings is woken again, however often that happens", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([DESK])
    await held("desk")
    await runInDurableObject(outboundOf(env, "desk"), (_, { storage }) => {
      storage.sql.exec("ALTER TABLE delivered RENAME TO lost")
      storage.sql.exec("CREATE TABLE delivered (id TEXT PRIMARY KEY)")
    })
    vi.setSystemTime(Date.now() + HOUR)
    for (let times = 0; times < 8; times++) {
      vi.setSystemTime(Date.now() + MINUTE)
      await ring("desk")
      const at = await runInDurableObject(outboundOf(env, "desk"), async (_, { storage }) => storage.getAlarm())
      expect(at).not.toBeNull()
    }
    await runInDurableObject(outboundOf(env, "desk"), (_, { storage }) => {
      storage.sql.exec("DROP TABLE delivered")
      storage.sql.exec("ALTER TABLE lost RENAME TO delivered")
    })
    vi.setSystemTime(Date.now() + MINUTE)
    await ring("desk")
    await sentOf(net, 2)
  })
})

describe("an agent that floods a receiver that is down", () => {
  test("pushes out its own questions, not what is told of others, nor that it was frozen", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([DESK])
    await held("desk")
    const [frozen, other] = [ended("flood"), asked("quiet")]
    await take("desk", [frozen, other])
    await take(
      "desk",
      many(1_200, () => asked("flood")),
    )
    const left = await runInDurableObject(outboundOf(env, "desk"), (_, { storage }) =>
      storage.sql.exec<{ id: string }>("SELECT id FROM waiting").toArray(),
    )
    expect(left).toHaveLength(1_000)
    expect(left).toContainEqual({ id: frozen.id })
    expect(left).toContainEqual({ id: other.id })
  })

  test("does not fill the storage with what is given up while the receiver is left alone", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([DESK])
    await held("desk")
    await take(
      "desk",
      many(2_300, () => asked("flood")),
    )
    const { dead } = await runInDurableObject(outboundOf(env, "desk"), (_, { storage }) =>
      storage.sql.exec<{ dead: number }>("SELECT count(*) AS dead FROM dead").one(),
    )
    expect(dead).toBe(1_000)
  })
})

describe("a receiver's object with an older bundle than who hands over", () => {
  test("waits until it has that one: a new receiver loses nothing", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([CHAT])
    await take("desk", [ended("first")], 2)
    await ring("desk")
    expect(await deliveriesOf("desk")).toMatchObject({ waiting: 1, dead: 0 })
    await tellTo([DESK], 2)
    vi.setSystemTime(Date.now() + 6_000)
    await ring("desk")
    await sentOf(net, 1, "desk")
  })

  test("sends nothing to the address that it had before", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    const moved: ReceiverDefinition = { ...DESK, format: "standard", url: "https://new.test/hooks", arguments: false }
    await tellTo([DESK])
    await take("desk", [ended("first")], 2)
    await ring("desk")
    expect(net.sent).toEqual([])
    await tellTo([moved], 2)
    vi.setSystemTime(Date.now() + 6_000)
    await ring("desk")
    await sentOf(net, 1, "new")
  })

  test("does not wait for ever for one that does not come", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([DESK])
    await take("desk", [ended("first")], 9)
    await ring("desk")
    expect(net.sent).toEqual([])
    vi.setSystemTime(Date.now() + 11 * MINUTE)
    await ring("desk")
    await sentOf(net, 1, "desk")
  })
})

describe("what waits while its receiver is told less", () => {
  test("goes without the arguments that it is not to see any more", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([{ ...DESK, format: "standard", url: "https://desk.test/hooks", arguments: true }])
    net.answer = () => new Response(null, { status: 503 })
    await take("desk", [asked("first")])
    const [before] = await sentOf(net, 1)
    expect(before?.body).toContain("amount")
    await tellTo([DESK], 2)
    vi.setSystemTime(Date.now() + MINUTE)
    await ring("desk")
    const [, after] = await sentOf(net, 2)
    expect(after?.body).not.toContain("amount")
  })

  test("does not go at all where it is not told of such any more", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([DESK])
    net.answer = () => new Response(null, { status: 503 })
    await take("desk", [asked("first")])
    await sentOf(net, 1)
    await tellTo(
      [{ ...DESK, format: "standard", url: "https://desk.test/hooks", events: ["switch.set"], arguments: false }],
      2,
    )
    vi.setSystemTime(Date.now() + MINUTE)
    await ring("desk")
    expect(net.sent).toHaveLength(1)
    expect(await deliveriesOf("desk")).toMatchObject({ waiting: 0, dead_letters: [{ reason: "not_told" }] })
  })
})

describe("what is on its way", () => {
  test("while a flood pushes it out is not among the dead once it was delivered", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([DESK])
    const { promise, resolve } = Promise.withResolvers<Response>()
    net.answer = async () => promise
    const first = asked("flood")
    await take("desk", [first])
    await sentOf(net, 1)
    await take(
      "desk",
      many(1_000, () => asked("flood")),
    )
    expect(await deliveriesOf("desk")).toMatchObject({ dead: 1, dead_letters: [{ id: first.id }] })
    net.answer = () => new Response(null, { status: 503, headers: { "Retry-After": "3600" } })
    resolve(new Response(null, { status: 204 }))
    await vi.waitFor(async () => expect((await deliveriesOf("desk")).succeeded_at).not.toBeNull())
    expect(await outboundOf(env, "desk").retry(first.id)).toBe(0)
    expect((await deliveriesOf("desk")).dead).toBe(0)
  })
})

describe("a clock that was ahead", () => {
  test("silences no receiver for as long as it was", async () => {
    vi.useFakeTimers({ toFake: ["Date"] })
    await tellTo([DESK])
    const now = Date.now()
    vi.setSystemTime(now + 365 * DAY)
    net.answer = () => new Response(null, { status: 503 })
    await take("desk", [ended("first")])
    await ring("desk")
    expect((await deliveriesOf("desk")).last_failure).not.toBeNull()
    vi.setSystemTime(now)
    net.answer = () => new Response(null, { status: 204 })
    await take("desk", [ended("second")])
    vi.setSystemTime(now + 5 * HOUR)
    await ring("desk")
    vi.setSystemTime(now + 10 * HOUR)
    await ring("desk")
    await vi.waitFor(async () => expect(await deliveriesOf("desk")).toMatchObject({ waiting: 0, dead: 0 }))
  })
})
