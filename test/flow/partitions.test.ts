/** Partitions: a fleet of one agent works in several ledgers, each instance always in the same one. */
import { evictDurableObject, listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { readLocator } from "../../src/core/task/state.ts"
import { LENDING_VERSION } from "../../src/core/guardrails/lending/lending.ts"
import { LEDGER_VERSION } from "../../src/ledger/protocol.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { movedTaskId, newTaskId } from "../../src/platform/task-id.ts"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { at } from "../harness/clock.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import {
  askAs,
  FLEET,
  joinFleet,
  openAs,
  openRoot,
  partition,
  placeOf,
  podAt,
  publishFleet,
  window,
  type FleetPolicy,
} from "../harness/fleet.ts"
import { callWith } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { newProofKey, proofForToken } from "../harness/proofs.ts"
import { read, send } from "../harness/labelled-calls.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

freshIsolateForEach()

const HOUR = 3_600_000
/** One after the other, and again from the first. */
function of(tasks: readonly OpenTask[], index: number): OpenTask {
  const task = tasks[index % tasks.length]
  if (!task) throw new Error("no task")
  return task
}
const list = async ({ token }: OpenTask): Promise<string> => (await callWith(token, "/files")).code
const objects = async (): Promise<ReadonlySet<string>> =>
  new Set((await listDurableObjectIds(env.LEDGER)).map((id) => id.toString()))

const unreachable = (name: "join" | "part" | "countedAlone" | "learn") =>
  vi.spyOn(Ledger.prototype, name).mockImplementation(async () => {
    throw new Error("an inner failure, by a test")
  })

describe("an instance always works in one partition", () => {
  test("whichever task it opens, whatever has died meanwhile", async () => {
    await publishFleet({ partitions: 4 })
    for (const pod of ["a", "b", "c", "d", "e", "f"]) {
      const first = await openAs(pod)
      await killObjects()
      const second = await openAs(pod, { scope: "files.list:read" })
      expect([readLocator(first.task), readLocator(second.task)]).toEqual(Array(2).fill(partition(placeOf(pod, 4))))
    }
  })

  test("by the claim of its issuer, whichever key it has made itself", async () => {
    await publishFleet({ partitions: 64 })
    for (let key = 0; key < 3; key++) {
      const { issued } = await askAs({ pod: { uid: "a" } }, {}, { DPoP: await proofForToken(await newProofKey()) })
      expect(readLocator(issued?.task ?? "")).toBe(partition(placeOf("a", 64)))
    }
  })

  test("and operators see by which claim", async () => {
    await publishFleet({ partitions: 2 })
    const shown = await manage("GET", `/v1/agents/${encodeURIComponent(FLEET)}`, await bearerOf("viewer"))
    expect(shown.json).toMatchObject({ partitions: 2, identities: [{ instance: ["pod", "uid"] }] })
  })

  test("so what it has begun goes on there", async () => {
    await publishFleet({ partitions: 64 })
    const key = await newProofKey()
    const ask = async (): Promise<string | undefined> =>
      (await askAs({ pod: { uid: "a" } }, {}, { DPoP: await proofForToken(key) })).issued?.task
    expect(await ask()).toBe(await ask())
  })

  test("by its key, if its credential names no instance", async () => {
    await publishFleet({ partitions: 64 })
    const [one, other] = [await newProofKey(), await newProofKey()]
    const ledger = async (key: typeof one): Promise<string> => {
      const { issued } = await askAs({}, {}, { DPoP: await proofForToken(key) })
      return readLocator(issued?.task ?? "")
    }
    const first = await ledger(one)
    expect([await ledger(one), await ledger(one)]).toEqual([first, first])
    expect(await ledger(other)).toMatch(/^[0-9A-Z]{16}$/)
  })

  test.each([
    ["nothing", {}],
    ["a claim that is no text", { pod: { uid: 1 } }],
    ["an empty one", { pod: { uid: "" } }],
    ["one that is elsewhere", { uid: "a" }],
  ])("and opens nothing by %s; no object is touched", async (_name, claims) => {
    await publishFleet({ partitions: 3 })
    const [open, join] = [vi.spyOn(Ledger.prototype, "open"), vi.spyOn(Ledger.prototype, "join")]
    const { status, refused } = await askAs(claims)
    expect([status, refused?.error]).toEqual([400, "invalid_request"])
    expect(refused?.error_description).toContain("which of its instances")
    expect([open, join].map(({ mock }) => mock.calls.length)).toEqual([0, 0])
  })

  test.each([
    ["a number", 1],
    ["a list", ["a"]],
    ["nothing", null],
    ["an empty text", ""],
  ])("nor by a key, if the claim is there and is %s", async (_name, uid) => {
    await publishFleet({ partitions: 64 })
    const DPoP = await proofForToken(await newProofKey())
    expect((await askAs({ pod: { uid } }, {}, { DPoP })).refused?.error).toBe("invalid_request")
    await publishFleet({ partitions: 1 })
    expect((await askAs({ pod: { uid } })).status).toBe(200)
  })

  test("what the caller only states is no proof", async () => {
    await publishFleet({ partitions: 3 })
    expect((await askAs({}, { pod: "a", instance: "a" })).status).toBe(400)
  })

  test("an agent with one needs none, and its ledger has the name that it always had", async () => {
    await publishFleet({ partitions: 1 })
    const others = vi.spyOn(Ledger.prototype, "join")
    const { issued } = await askAs({})
    expect(readLocator(issued?.task ?? "")).toBe(readLocator(newTaskId(env, { agent: historyKeyOf(FLEET) }, 0)))
    expect(others).not.toHaveBeenCalled()
  })
})

test("1,000 instances are spread evenly", () => {
  const counts = Array.from({ length: 8 }, () => 0)
  for (let pod = 0; pod < 1_000; pod++) {
    const place = placeOf(`pod-${pod}`, 8)
    counts[place] = (counts[place] ?? 0) + 1
  }
  // 125 each: four standard deviations are 42.
  expect(Math.min(...counts)).toBeGreaterThan(83)
  expect(Math.max(...counts)).toBeLessThan(167)
})

test("no forged id creates an object, and none of a partition that was never opened creates a row", async () => {
  await publishFleet({ partitions: 64 })
  const { task, token } = await openAs(podAt({ 64: 1 }))
  const known = await objects()
  const show = async (id: string): Promise<number> => (await manage("GET", `/v1/tasks/${id}`, `Bearer ${token}`)).status
  expect(await show(task)).toBe(200)
  const forged = [partition(2), partition(2_000), "0".repeat(16)].map((to) => task.replace(readLocator(task), to))
  expect(await Promise.all(forged.map(show))).toEqual([404, 404, 404])
  expect(await objects()).toEqual(known)
  expect(await show(movedTaskId(env, task, { agent: historyKeyOf(FLEET), partition: 2_000 }))).toBe(404)
  const tables = await runInDurableObject(env.LEDGER.getByName(partition(2_000)), (_ledger, ctx) =>
    ctx.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'ledger'").toArray(),
  )
  expect(tables).toEqual([])
})

describe("labels", () => {
  const more: FleetPolicy["more"] = (body) => ({
    ...body,
    agents: body.agents.map((each) => (each.id.endsWith("/first") ? { ...each, delegates_to: [FLEET] } : each)),
  })

  test("do not pass between partitions, and do within one", async () => {
    await publishFleet({ partitions: 2 })
    const [one, other] = [podAt({ 2: 0 }), podAt({ 2: 1 })]
    await openAs(one)
    expect(await read(await openAs(other))).toBe("ok")
    expect(await send(await openAs(other))).toBe("policy_denied")
    expect(await send(await openAs(one))).toBe("ok")
  })

  test("pass for 26 hours after a change of their number, and no longer", async () => {
    const start = Date.now()
    at(start)
    await publishFleet({ partitions: 1 })
    await openAs("a")
    await publishFleet({ partitions: 2 })
    const [one, other] = [podAt({ 2: 0 }), podAt({ 2: 1 })]
    const early = [await openAs(one), await openAs(other)] as const
    expect(await read(early[1])).toBe("ok")
    expect(await send(early[0])).toBe("policy_denied")
    at(start + 27 * HOUR)
    await killObjects()
    const late = [await openAs(one), await openAs(other)] as const
    expect(await read(late[1])).toBe("ok")
    expect(await send(late[0])).toBe("ok")
    expect(await send(late[1])).toBe("policy_denied")
  })

  test("that a tree of another agent gives to the fleet reach all of its partitions, and new ones", async () => {
    await publishFleet({ partitions: 3, more })
    // The third is new.
    const early = [await openAs(podAt({ 3: 0 })), await openAs(podAt({ 3: 1 }))]
    const root = await openRoot()
    await joinFleet(root, "a")
    expect(await read(root)).toBe("ok")
    const codes = []
    for (const index of [0, 1, 2]) codes.push(await send(await openAs(podAt({ 3: index }))))
    for (const task of early) codes.push(await send(task))
    expect(codes).toEqual(Array(5).fill("policy_denied"))
  })

  test("nor does the call happen if one of them does not learn of it", async () => {
    await publishFleet({ partitions: 2, more })
    await openAs(podAt({ 2: 1 }))
    const root = await openRoot()
    await joinFleet(root, "a")
    const down = failing("learn", partition(1))
    expect(await read(root)).toBe("unavailable")
    down.mockRestore()
    expect(await read(root)).toBe("ok")
  })

  describe.each([
    [1, 2],
    [2, 3],
    [3, 1],
    [3, 2],
  ])("after a change from %i to %i", (before, after) => {
    // It works elsewhere afterwards.
    const pod = podAt({ [before]: before - 1, [after]: before === after - 1 ? after - 1 : 0 })

    test("are still those of an instance", async () => {
      await publishFleet({ partitions: before })
      expect(await read(await openAs(pod))).toBe("ok")
      await publishFleet({ partitions: after })
      const moved = await openAs(pod)
      expect(readLocator(moved.task)).toBe(partition(placeOf(pod, after)))
      expect(await send(moved)).toBe("policy_denied")
      await killObjects()
      expect(await send(await openAs(pod))).toBe("policy_denied")
    })

    test("so are those that it picks up in a task of before, also for a task that it has opened since", async () => {
      await publishFleet({ partitions: before })
      const earlier = await openAs(pod)
      await publishFleet({ partitions: after })
      const moved = await openAs(pod)
      expect(await send(moved)).toBe("ok")
      await killObjects()
      expect(await read(earlier)).toBe("ok")
      expect(await send(moved)).toBe("policy_denied")
    })

    test("and when it is taken back", async () => {
      await publishFleet({ partitions: before })
      await openAs(pod)
      await publishFleet({ partitions: after })
      expect(await read(await openAs(pod))).toBe("ok")
      await publishFleet({ partitions: before })
      expect(await send(await openAs(pod))).toBe("policy_denied")
    })

    test("nothing is opened while a partition of before is out of reach", async () => {
      await publishFleet({ partitions: before })
      const reading = await openAs(pod)
      expect(await read(reading)).toBe("ok")
      await publishFleet({ partitions: after })
      const down = placeOf(pod, before) === 0 ? unreachable("join") : unreachable("part")
      const { status, refused } = await askAs({ pod: { uid: pod } })
      expect([status, refused?.error]).toEqual([503, "temporarily_unavailable"])
      // What was open before goes on.
      expect(await list(reading)).toBe("ok")
      down.mockRestore()
      expect(await send(await openAs(pod))).toBe("policy_denied")
    })

    test("nor is anything read that the others do not learn of", async () => {
      await publishFleet({ partitions: before })
      const earlier = await openAs(pod)
      await publishFleet({ partitions: after })
      const moved = await openAs(pod)
      unreachable("learn")
      expect(await read(earlier)).toBe("unavailable")
      vi.restoreAllMocks()
      expect(await send(moved)).toBe("ok")
    })
  })

  test("however long nothing was done: the first partition knows the number, and is not deleted", async () => {
    const start = Date.now()
    at(start)
    await publishFleet({ partitions: 2 })
    const [one, other] = [podAt({ 2: 0 }), podAt({ 2: 1 })]
    await openAs(one)
    await openAs(other)
    const first = env.LEDGER.getByName(partition(0))
    for (let day = 1; day <= 3; day++) {
      at(start + day * 24 * HOUR)
      await runDurableObjectAlarm(first)
    }
    await killObjects()
    expect(await read(await openAs(other))).toBe("ok")
    await publishFleet({ partitions: 1 })
    expect(await send(await openAs(other))).toBe("policy_denied")
  })

  test("and by whichever number it had joined before: taken back after long, nothing is missed", async () => {
    const start = Date.now()
    at(start)
    await publishFleet({ partitions: 2 })
    const pod = podAt({ 2: 1, 3: 2 })
    await openAs(pod)
    await publishFleet({ partitions: 3 })
    await openAs(pod)
    at(start + 27 * HOUR)
    expect(await read(await openAs(pod))).toBe("ok")
    await publishFleet({ partitions: 2 })
    expect(await send(await openAs(pod))).toBe("policy_denied")
  })

  test("reach the partitions of the last number but one, too", async () => {
    await publishFleet({ partitions: 3 })
    const earlier = await openAs(podAt({ 3: 2 }))
    await publishFleet({ partitions: 2 })
    await openAs("a")
    await publishFleet({ partitions: 1 })
    expect(await read(await openAs("a"))).toBe("ok")
    expect(await send(earlier)).toBe("policy_denied")
  })

  test("reach a task of before whose instance reads elsewhere now, also if the first partition has them already", async () => {
    await publishFleet({ partitions: 2 })
    const [first, second] = [podAt({ 2: 0 }), podAt({ 2: 1 })]
    const earlier = await openAs(second)
    expect(await read(await openAs(first))).toBe("ok")
    expect(await send(earlier)).toBe("ok")
    await publishFleet({ partitions: 1 })
    expect(await read(await openAs(second))).toBe("ok")
    expect(await send(earlier)).toBe("policy_denied")
  })

  test.each(["no label", "another label"])(
    "reach an agent below a task of another partition, which has %s from a third one already",
    async (what) => {
      const privateList: FleetPolicy["more"] = (body) => ({
        ...body,
        tools: body.tools.map((tool) => (tool.name === "files.list" ? { ...tool, labels: ["reads:private"] } : tool)),
      })
      await publishFleet({ partitions: 2, more: privateList })
      const above = await openAs(podAt({ 2: 0 }))
      await openChild(above.token, "sender", { purpose: "work" })
      const [ended, reading] = [await openAs(podAt({ 2: 1 })), await openAs(podAt({ 2: 1 }))]
      if (what === "another label") {
        await openChild(ended.token, "sender", { purpose: "work" })
        expect(await list(ended)).toBe("ok")
      }
      await complete(ended.task, `Bearer ${ended.token}`)
      expect(await read(reading)).toBe("ok")
      const own = await openRoot("sender")
      expect(await send(own)).toBe("ok")
      await publishFleet({ partitions: 3, more: privateList })
      await openAs(podAt({ 3: 2 }))
      expect([await send(above), await send(own)]).toEqual(["policy_denied", "policy_denied"])
    },
  )

  test("a partition does not begin by an answer that a further change has outrun", async () => {
    await publishFleet({ partitions: 2 })
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { join } = Ledger.prototype
    vi.spyOn(Ledger.prototype, "join").mockImplementation(async function (this: Ledger, ...asked) {
      const answer = await join.apply(this, asked)
      await join.call(this, LEDGER_VERSION, historyKeyOf(FLEET), 3, { seq: 1_000, digest: "" })
      return answer
    })
    expect((await askAs({ pod: { uid: podAt({ 2: 1 }) } })).status).toBe(503)
  })

  test("an isolate with an older bundle does not undo the change, although it may retry by the newest", async () => {
    const old = await publishFleet({ partitions: 2 })
    const pod = podAt({ 2: 1, 3: 1 })
    await openAs(pod)
    await publishFleet({ partitions: 3 })
    await openAs(pod)
    const collected = vi.spyOn(Ledger.prototype, "part")
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { open } = Ledger.prototype
    let isFirst = true
    vi.spyOn(Ledger.prototype, "open").mockImplementation(async function (this: Ledger, version, pointer, ...asked) {
      const [root, request, ...rest] = asked
      const by = isFirst ? old : pointer
      isFirst = false
      return open.call(this, version, by, root, { ...request, partition: { index: 1, of: 2 } }, ...rest)
    })
    expect((await askAs({ pod: { uid: pod } })).status).toBe(503)
    vi.restoreAllMocks()
    expect(isFirst).toBe(false)
    expect(collected).not.toHaveBeenCalled()
    await openAs(pod)
  })

  test("nor by what it asks of the first partition", async () => {
    await publishFleet({ partitions: 2 })
    const pod = podAt({ 2: 1, 3: 2 })
    await openAs(pod)
    const first = env.LEDGER.getByName(partition(0))
    await publishFleet({ partitions: 3 })
    await openAs(pod)
    expect(await first.join(LEDGER_VERSION, historyKeyOf(FLEET), 2, { seq: 1, digest: "" })).toMatchObject({
      bundle: "stale",
    })
    expect(await first.join(LEDGER_VERSION - 1, historyKeyOf(FLEET), 3, { seq: 1_000, digest: "" })).toBeNull()
  })
})

describe("a limit of the agent, where no user is behind the task, is that of all partitions", () => {
  const many = async (tasks: readonly OpenTask[], calls: number): Promise<number> => {
    const codes = await Promise.all(Array.from({ length: calls }, async (_, index) => list(of(tasks, index))))
    expect(new Set(codes)).toEqual(new Set(["ok", "rate_limited"]))
    return codes.filter((code) => code === "ok").length
  }

  test("96 calls at once over all of them are 50 of a window of 50", async () => {
    await publishFleet({ partitions: 4, limits: [window(50)] })
    const tasks = []
    for (const index of [0, 1, 2, 3]) tasks.push(await openAs(podAt({ 4: index })))
    expect(await many(tasks, 96)).toBe(50)
    await killObjects()
    for (const task of tasks) expect(await list(task)).toBe("rate_limited")
  })

  test.each([
    ["a fixed span", { kind: "fixed", seconds: 2_678_400 }],
    ["a bucket", { kind: "bucket", seconds: 86_400, burst: 50 }],
  ] as const)("of %s, too", async (_name, span) => {
    await publishFleet({ partitions: 1, limits: [window(50, { span })] })
    const earlier = await openAs("a")
    for (let call = 0; call < 30; call++) expect(await list(earlier)).toBe("ok")
    await publishFleet({ partitions: 2, limits: [window(50, { span })] })
    expect(await many([earlier, await openAs(podAt({ 2: 1 }))], 64)).toBe(20)
  })

  test("a ledger that counts alone, and one that is asked by another version, say nothing", async () => {
    await publishFleet({ partitions: 1 })
    await openAs("a")
    const first = env.LEDGER.getByName(partition(0))
    expect(await first.countedAlone(LENDING_VERSION, window(50), "")).toBeNull()
    await publishFleet({ partitions: 2 })
    await openAs(podAt({ 2: 1 }))
    expect(await first.countedAlone(LENDING_VERSION, window(50), "")).toBe(0)
    expect(await first.countedAlone(LENDING_VERSION - 1, window(50), "")).toBeNull()
  })

  test.each([
    [1, 2],
    [2, 3],
    [3, 1],
  ])("what was used before a change from %i to %i counts", async (before, after) => {
    await publishFleet({ partitions: before, limits: [window(50)] })
    const earlier = []
    for (let index = 0; index < before; index++) earlier.push(await openAs(podAt({ [before]: index })))
    for (let call = 0; call < 30; call++) expect(await list(of(earlier, call))).toBe("ok")
    await publishFleet({ partitions: after, limits: [window(50)] })
    const since = []
    for (let index = 0; index < after; index++) since.push(await openAs(podAt({ [after]: index })))
    expect(await many([...earlier, ...since], 64)).toBe(20)
    await Promise.all([partition(0), partition(1)].map(async (id) => evictDurableObject(env.LEDGER.getByName(id))))
    expect(await list(of(since, 0))).toBe("rate_limited")
  })

  test("different values, too", async () => {
    const distinct = window(3, {
      of: { tools: ["files.read"] },
      topic: "budget",
      measure: { kind: "distinct", field: "arguments.file" },
    })
    const read = async ({ token }: OpenTask, file: string) => (await callWith(token, `/files/${file}`)).code
    await publishFleet({ partitions: 1, limits: [distinct] })
    const earlier = await openAs("a")
    expect([await read(earlier, "a1"), await read(earlier, "a2")]).toEqual(["ok", "ok"])
    await publishFleet({ partitions: 2, limits: [distinct] })
    const since = await openAs(podAt({ 2: 1 }))
    expect([await read(since, "a1"), await read(since, "a3"), await read(since, "a4")]).toEqual([
      "ok",
      "ok",
      "budget_exhausted",
    ])
  })

  test("nothing is allowed while the one that has counted alone does not answer", async () => {
    await publishFleet({ partitions: 1, limits: [window(50)] })
    const earlier = await openAs("a")
    expect(await list(earlier)).toBe("ok")
    await publishFleet({ partitions: 2, limits: [window(50)] })
    const since = await openAs(podAt({ 2: 1 }))
    unreachable("countedAlone")
    expect([await list(since), await list(earlier)]).toEqual(["unavailable", "unavailable"])
  })

  test("people see that it is shared, and no figure that one partition alone could give", async () => {
    await publishFleet({ partitions: 2, limits: [window(50)] })
    const task = await openAs(podAt({ 2: 1 }))
    expect(await list(task)).toBe("ok")
    const { json } = await manage("GET", `/v1/tasks/${task.task}`, await bearerOf("viewer"))
    expect(json).toMatchObject({
      limits: expect.arrayContaining([
        expect.objectContaining({ guardrail: "fleet-window", used: null, shared: true }),
      ]),
    })
  })

  test("calls in flight, which are not lent, are denied: no partition knows those of the others", async () => {
    const of = { tools: ["files.list"] }
    const inFlight = { kind: "concurrency", id: "at-once", of, limit: 9, consequence: "deny" } as const
    const more: FleetPolicy["more"] = (body) => ({
      ...body,
      guardrails: [...body.guardrails, { ...inFlight, per: ["user_or_agent"] }],
    })
    const start = Date.now()
    at(start)
    await publishFleet({ partitions: 1, more })
    const task = await openAs("a")
    expect(await list(task)).toBe("ok")
    await publishFleet({ partitions: 2, more })
    await openAs(podAt({ 2: 1 }))
    expect(await list(task)).toBe("unavailable")
    // With one partition again, once none of the others has a task.
    await publishFleet({ partitions: 1, more })
    expect(await list(await openAs("a"))).toBe("unavailable")
    at(start + 27 * HOUR)
    await killObjects()
    expect(await list(await openAs("a"))).toBe("ok")
  })

  test("a limit for a user stays that of the user", async () => {
    await publishFleet({ partitions: 2, limits: [window(1)] })
    await openAs(podAt({ 2: 1 }))
    const forAlice = await openTask()
    expect([await list(forAlice), await list(forAlice)]).toEqual(["ok", "rate_limited"])
    expect(await list(await openAs(podAt({ 2: 0 })))).toBe("ok")
  })
})

/** The ledger of this id alone fails. */
function failing(name: "learn", id: string) {
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { [name]: real } = Ledger.prototype
  return vi.spyOn(Ledger.prototype, name).mockImplementation(async function (this: Ledger, ...asked) {
    const ctx: DurableObjectState = this.ctx
    if (ctx.id.name === id) throw new Error("an inner failure, by a test")
    return real.apply(this, asked)
  })
}
