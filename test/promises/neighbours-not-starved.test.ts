/**
 * A person's ledger holds the tasks of all their agents. An agent that fills what the ledger has room for, or calls it
 * without end, keeps no other agent of the same person from opening tasks, calling, or asking for approval.
 */
import { beforeEach, describe, expect, inject, test, vi } from "vitest"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import { MOST_KEYS } from "../../src/core/guardrails/memory.ts"
import { MAX_OPEN_APPROVALS } from "../../src/core/task/approval.ts"
import { MAX_LIVE_TOKENS } from "../../src/core/task/live-tokens.ts"
import {
  MAX_LIVE_BYTES,
  MAX_LIVE_TASKS,
  MAX_TASKS_OF_TREE,
  MAX_TOKENS_OF_TREE,
} from "../../src/core/task/opening-step.ts"
import { Work, WORK_OF_CALL } from "../../src/core/encoding/work.ts"
import { newTree, type TreeState } from "../../src/core/task/state.ts"
import { applyEnd, MAX_RETRIES_OF_TREE } from "../../src/core/task/transition.ts"
import { CallPace, MAX_PACE } from "../../src/ledger/pace.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { questionIn } from "../harness/approvals.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { askAs, callWith, ORIGIN } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { rowsKept } from "../harness/ledgers.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { ALICE, assembled, callOf, newState, open, opened, ROOT, START, step } from "../harness/trees.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

/** Another tree in the same ledger. */
function treeBeside({ ledger }: TreeState, nth: number): TreeState {
  const tree = newTree(ledger, ROOT.replace("Z-", `${nth}-`), ALICE, START)
  ledger.trees.set(tree.root, tree)
  return tree
}

const refusalOf = (result: ReturnType<typeof open>) => ("reason" in result ? result : "opened")

describe("in a ledger in which one agent has as many as it may", () => {
  const FULL = { reason: "too_many_tasks", what: "ledger" }

  test("tasks, another opens a task and calls; the first can again as one of its own ends", () => {
    const [bundle, state] = [assembled(), newState()]
    for (let nth = 0; nth < MAX_LIVE_TASKS.agent; nth++) {
      state.ledger.liveTasks.add(historyKeyOf(agentId("first")), `task ${nth}`, START + 60_000)
    }
    expect(refusalOf(open(bundle, state, "first"))).toEqual({ ...FULL, retry_after: 60 })
    const neighbour = treeBeside(state, 1)
    const held = opened(open(bundle, neighbour, "second"))
    expect(step(bundle, neighbour, callOf(held, "files.list")).denial).toBeNull()
    state.ledger.liveTasks.remove(historyKeyOf(agentId("first")), "task 0")
    expect(refusalOf(open(bundle, state, "first"))).toBe("opened")
  })

  test("bytes of tasks, another opens one; the first can again as one of its own ends", () => {
    const [bundle, state] = [assembled(), newState()]
    const [busy, neighbour] = [treeBeside(state, 1), treeBeside(state, 2)]
    const held = opened(open(bundle, busy, "first"))
    const task = busy.tasks.get(held.task)
    expect(state.ledger.liveBytes.of(historyKeyOf(agentId("first")))).toBe(task?.bytes)
    const rest = MAX_LIVE_BYTES.agent - 2 * (task?.bytes ?? 0)
    state.ledger.liveBytes.add(historyKeyOf(agentId("first")), "the rest", START + 60_000, rest + 1)
    expect(refusalOf(open(bundle, state, "first"))).toEqual({ ...FULL, retry_after: 60 })
    expect(refusalOf(open(bundle, neighbour, "second"))).toBe("opened")
    applyEnd(busy, [held.task], { task: held.task, status: "completed", by: "completion" })
    expect(state.ledger.liveBytes.of(historyKeyOf(agentId("first")))).toBe(rest + 1)
    expect(refusalOf(open(bundle, state, "first"))).toBe("opened")
  })

  test("tokens, another gets one", () => {
    const [bundle, state] = [assembled(), newState()]
    const root = opened(open(bundle, state, "first"))
    // No tree has so many: they are in as many trees as it takes.
    for (let nth = 0, tree = state; nth < MAX_LIVE_TOKENS.agent; nth++) {
      if (nth % 1_000 === 0) {
        tree = treeBeside(state, nth)
        tree.tasks.set(root.task, Object.assign({}, state.tasks.get(root.task)))
      }
      state.ledger.liveTokens.add(tree, `more-${nth}`, { task: root.task, expiresAt: START + 60_000, jkt: null })
    }
    expect(refusalOf(open(bundle, state, "first", root))).toMatchObject(FULL)
    expect(refusalOf(open(bundle, treeBeside(state, 1), "first"))).toMatchObject(FULL)
    expect(refusalOf(open(bundle, treeBeside(state, 2), "second"))).toBe("opened")
    expect(refusalOf(open(bundle, treeBeside(state, 3), "first", null, {}, START + 60_000))).toBe("opened")
  })

  test("and where the whole ledger is full, whoever has most is refused, and a neighbour is not", () => {
    const [bundle, state] = [assembled(), newState()]
    const counts = { first: MAX_LIVE_TASKS.ledger - 14_000, third: 7_000, bound: 7_000 }
    for (const [agent, count] of Object.entries(counts)) {
      for (let nth = 0; nth < count; nth++)
        state.ledger.liveTasks.add(historyKeyOf(agentId(agent)), `${agent} ${nth}`, START + 60_000)
    }
    expect(refusalOf(open(bundle, treeBeside(state, 1), "third"))).toMatchObject(FULL)
    expect(refusalOf(open(bundle, treeBeside(state, 2), "second"))).toBe("opened")
    expect(refusalOf(open(bundle, treeBeside(state, 3), "first"))).toBe("opened")
  })

  test("retries of a tree are forgotten, the oldest first, and no other tree's", () => {
    const [bundle, state] = [assembled(), newState()]
    const retry = (requestId: string) => ({ retry: { requestId, call: "the call" } })
    const [neighbour, busy] = [treeBeside(state, 1), treeBeside(state, 2)]
    const [beside, held] = [opened(open(bundle, neighbour, "second")), opened(open(bundle, busy, "first"))]
    step(bundle, neighbour, callOf(beside, "files.list", {}, retry("of the neighbour")))
    const until = START + 5_000
    for (let nth = 0; nth < MAX_RETRIES_OF_TREE; nth++) {
      busy.retries.set(`${nth}`, { task: held.task, finished: null, call: "", decisionId: "", until })
    }
    step(bundle, busy, callOf(held, "files.list", {}, retry("one more")))
    expect([busy.retries.size, busy.retries.has("0"), busy.retries.has("1")]).toEqual([
      MAX_RETRIES_OF_TREE,
      false,
      true,
    ])
    expect(neighbour.retries.size).toBe(1)
    // Those that are too old are dropped by the next one.
    step(bundle, busy, callOf(held, "files.list", {}, retry("later")), until)
    expect([...busy.retries.keys()]).toEqual(["envoy|later"])
  })
})

const PER_FILE = ["user", "arguments.file"] as const

describe("a guardrail that counts for the user by an argument", () => {
  const SECONDS = 600
  const window_ = (more: Partial<Limit>): Guardrail =>
    window({ id: "each", tools: ["files.read"], per: "task", limit: 2, seconds: SECONDS }, { per: PER_FILE, ...more })
  const GUARDRAILS: Readonly<Record<string, Guardrail>> = {
    "in a sliding window": window_({}),
    "in a bucket": window_({ span: { kind: "bucket", seconds: SECONDS, burst: 2 } }),
    "in a fixed span": window_({ topic: "budget", span: { kind: "fixed", seconds: 86_400 } }),
    "in values": window_({ topic: "budget", measure: { kind: "distinct", field: "purpose" } }),
    "in calls at once": {
      kind: "concurrency",
      id: "each",
      of: { tools: ["files.read"] },
      consequence: "deny",
      per: PER_FILE,
      limit: 2,
    },
  }

  test.each(Object.entries(GUARDRAILS))("%s, has room for an agent although another varies it", (_what, guardrail) => {
    const body = { ...inject("yard"), guardrails: [guardrail] }
    const [bundle, state] = [assembled(body), newState()]
    const busy = opened(open(bundle, state, "first"))
    const tree = treeBeside(state, 1)
    const quiet = opened(open(bundle, tree, "second"))
    const busyWith = (file: string, now = START) =>
      step(bundle, state, callOf(busy, "files.read", { file }), now).denial
    const quietWith = (file: string) => step(bundle, tree, callOf(quiet, "files.read", { file })).denial
    expect(quietWith("mine")).toBeNull()
    for (let nth = 0; nth < MOST_KEYS - 1; nth++) expect(busyWith(`${nth}`)).toBeNull()
    expect(busyWith("the last of its own")).toBeNull()
    expect(busyWith("one more")).toEqual({ reason: "history_full", guardrail: "each" })
    // What was there counts as before, whoever has brought it.
    expect([busyWith("mine")?.reason, busyWith("0")?.reason]).toEqual([undefined, undefined])
    for (let nth = 0; nth < 0.5 * MOST_KEYS; nth++) expect(quietWith(`quiet ${nth}`)).toBeNull()
    // Full for all: who has less than an equal part still gets it.
    for (let nth = 0; nth < 0.2 * MOST_KEYS; nth++) expect(quietWith(`more ${nth}`)).toBeNull()
    expect(busyWith("one more")).toMatchObject({ reason: "history_full" })
  })
})

describe("in a tree", () => {
  /** As many tasks of `second` below the root as this, all of which have ended. */
  function opensAndEnds(state: TreeState, root: ReturnType<typeof opened>, count: number): void {
    for (let nth = 1; nth <= count; nth++) {
      opened(open(assembled(), state, "second", root))
      const task = state.tasks.get(`${root.task}.${nth}`)
      if (!task) throw new Error("no such task")
      task.status = "completed"
      state.ledger.liveTasks.remove(task.historyKey, task.id)
      for (const [jti, token] of state.tokens) if (token.task === task.id) state.ledger.liveTokens.drop(state, jti)
    }
  }

  test("an agent that opens task after task leaves half of it: the root renews, and delegates to another", () => {
    const [bundle, state] = [assembled(), newState()]
    const root = opened(open(bundle, state, "first"))
    opensAndEnds(state, root, MAX_TASKS_OF_TREE.agent)
    // Nothing makes room before the tree ends, and the answer says so.
    const until = Math.ceil(((state.tasks.get(root.task)?.expiresAt ?? 0) - START) / 1000)
    expect(until).toBeGreaterThan(60)
    const full = { reason: "too_many_tasks", what: "tree", retry_after: until }
    expect(refusalOf(open(bundle, state, "second", root))).toEqual(full)
    expect(refusalOf(open(bundle, state, "first", root))).toBe("opened")
    expect(refusalOf(open(bundle, state, "reader", root))).toBe("opened")
  })

  test("all of whose tasks are taken opens no further one, and every agent of it renews", () => {
    const [bundle, state] = [assembled(), newState()]
    const root = opened(open(bundle, state, "first"))
    opensAndEnds(state, root, MAX_TASKS_OF_TREE.agent - 1)
    const child = opened(open(bundle, state, "second", root))
    for (const { id, ...task } of [...state.tasks.values()].slice(1)) {
      state.tasks.set(`${id}.1`, { ...task, id: `${id}.1`, agent: agentId("sender") })
    }
    for (const agent of ["second", "sender", "reader"])
      expect(refusalOf(open(bundle, state, agent, root))).toMatchObject({ what: "tree" })
    expect(refusalOf(open(bundle, state, "second", child))).toBe("opened")
    expect(refusalOf(open(bundle, state, "first", root))).toBe("opened")
  })

  test("agents that renew their tokens without end leave tokens to one another, and to the root", () => {
    const [bundle, state] = [assembled(), newState()]
    const root = opened(open(bundle, state, "first"))
    const [second, reader] = ["second", "reader"].map((agent) => opened(open(bundle, state, agent, root)))
    const add = (name: string, held: typeof root | undefined, count: number, seconds: number): void => {
      const token = { task: held?.task ?? "", expiresAt: START + seconds * 1000, jkt: null }
      for (let nth = 0; nth < count; nth++) state.ledger.liveTokens.add(state, `${name}-${nth}`, token)
    }
    const full = { reason: "too_many_tasks", what: "tree" }
    const renewed = (agent: string, held: typeof root | undefined) => refusalOf(open(bundle, state, agent, held))
    add("second", second, MAX_TOKENS_OF_TREE.agent - 1, 20)
    expect(renewed("second", second)).toEqual({ ...full, retry_after: 20 })
    expect([renewed("reader", reader), renewed("first", root)]).toEqual(["opened", "opened"])
    add("reader", reader, MAX_TOKENS_OF_TREE.others - MAX_TOKENS_OF_TREE.agent - 1, 10)
    expect(renewed("reader", reader)).toEqual({ ...full, retry_after: 10 })
    expect(renewed("first", root)).toBe("opened")
    add("root", root, MAX_TOKENS_OF_TREE.tree - MAX_TOKENS_OF_TREE.others, 30)
    expect(renewed("first", root)).toEqual({ ...full, retry_after: 10 })
    expect(refusalOf(open(bundle, state, "first", root, {}, START + 30_000))).toBe("opened")
  })
})

describe("over HTTP", () => {
  const ONCE = window(
    { id: "once", tools: ["files.read"], per: "task", limit: 1, seconds: 60 },
    { consequence: "approve" },
  )
  beforeEach(async () => {
    const body = await yard()
    await publish({ ...body, guardrails: [...body.guardrails, ONCE] }, 2)
  })
  freshIsolateForEach()

  test("knows after a crash who has brought how much", async () => {
    const body = await yard()
    await publish(
      {
        ...body,
        guardrails: [
          window({ id: "each", tools: ["files.read"], per: "task", limit: 2, seconds: 600 }, { per: PER_FILE }),
        ],
      },
      3,
    )
    forgetCaches()
    const [busy, quiet] = [await openTask("first"), await openTask("second")]
    const many = MOST_KEYS / 100
    for (let nth = 0; nth < many; nth++) await callWith(busy.token, `/files/${nth}`)
    await killObjects()
    const blocks = await rowsKept<{ owner: string; key: string; amount: number; open: number }>(quiet.task, "blocks")
    const keys = Map.groupBy(
      blocks.filter(({ owner }) => owner.endsWith(" keys")),
      ({ key }) => key,
    )
    const rows = [...keys].map(([key, all]) => ({
      key,
      many: all.reduce((sum, { amount, open }) => sum + amount + open, 0),
    }))
    expect(rows.map(({ key }) => key)).toEqual([agentId("first")])
    expect(rows[0]?.many).toBeGreaterThanOrEqual(many)
    // No more than the block that was begun counts as used.
    expect(rows[0]?.many).toBeLessThanOrEqual(2 * many)
  })

  test("an agent that has asked approvers for as much as it may keeps no other from asking", async () => {
    const [busy, again, quiet] = [await openTask("first"), await openTask("first"), await openTask("second")]
    await Promise.all([busy, again, quiet].map(async ({ token }) => callWith(token, "/files/once")))
    const asks = async ({ token }: OpenTask, nth: number) => callWith(token, `/files/${nth}`)
    const answers = await Promise.all(
      Array.from({ length: MAX_OPEN_APPROVALS.agent + 10 }, async (_, nth) => asks(nth % 2 ? busy : again, nth)),
    )
    expect(answers.filter(({ code }) => code === "approval_required")).toHaveLength(MAX_OPEN_APPROVALS.agent)
    expect(answers.filter(({ code }) => code === "rate_limited")).toHaveLength(10)
    expect(await questionIn(await asks(quiet, 1))).toMatch(/^apr_/)
  })

  /** Each call of the agent of this task counts as so many. */
  function multiplied({ task }: OpenTask, times: number): void {
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { deny } = CallPace.prototype
    vi.spyOn(CallPace.prototype, "deny").mockImplementation(function (this: CallPace, ...call) {
      if (call[2] === task) for (let nth = 1; nth < times; nth++) deny.apply(this, call)
      return deny.apply(this, call)
    })
  }

  test("an agent that calls without end is told to slow down, by name, and no other waits for it", async () => {
    const holder = await newProofKey()
    const busy = await openTask("first", {}, await proofForToken(holder))
    const quiet = await openTask("second")
    multiplied(busy, MAX_PACE.agent)
    // All within one moment: nothing drains meanwhile.
    vi.useFakeTimers({ now: Date.now(), toFake: ["Date"] })
    const proof = async () => proofOf(holder, "GET", `${ORIGIN}/files/a`, busy.token)
    const by = async (made: string) =>
      askAs("envoy", { path: "/files/a", headers: { Authorization: `DPoP ${busy.token}`, DPoP: made } })
    const codes: string[] = []
    for (let nth = 0; nth < 5; nth++) codes.push((await by(await proof())).code)
    expect(codes[0]).toBe("ok")
    const used = await proof()
    const slowed = await by(used)
    expect([slowed.status, slowed.code, slowed.headers.get("Retry-After")]).toEqual([429, "rate_limited", "1"])
    expect((await callWith(quiet.token, "/files")).code).toBe("ok")
    expect(await recordOf(slowed.decision)).toMatchObject({
      chain: [agentId("first")],
      denial: { reason: "agent_too_fast", limit: MAX_PACE.agent },
    })
    // It goes on as soon as it is slower; the proof that was denied is used up.
    vi.restoreAllMocks()
    vi.setSystemTime(Date.now() + 2_000)
    expect((await by(used)).code).toBe("invalid_token")
    expect((await by(await proof())).code).not.toBe("rate_limited")
  })

  test("an agent whose calls take much work is slowed down before it calls often, and no other waits for it", async () => {
    const [busy, quiet] = [await openTask("first"), await openTask("second")]
    // Each call takes as much work as 190 calls may: more than an agent, and less than all agents, may send at once.
    const taken = vi.spyOn(Work.prototype, "take").mockImplementation(function (this: Work) {
      // What its size draws comes first, and is counted otherwise.
      this.spent = this.spent === 0 ? 1 : 190 * WORK_OF_CALL
    })
    vi.useFakeTimers({ now: Date.now(), toFake: ["Date"] })
    const codes = [(await callWith(busy.token, "/files/a")).code, (await callWith(busy.token, "/files/a")).code]
    expect(codes).toEqual(["ok", "rate_limited"])
    taken.mockRestore()
    expect((await callWith(quiet.token, "/files")).code).toBe("ok")
  })

  test("calls that take as much work as a call may are admitted 33 times a second, others 4,000 times", () => {
    const admitted = (units: number, seconds: number): number => {
      const [bundle, state] = [assembled(), newState()]
      const { token, task } = opened(open(bundle, state, "first"))
      const pace = new CallPace()
      let [many, last] = [0, 0]
      for (let at = 0; at < seconds * 1000; at++) {
        for (let nth = 0; nth < 8; nth++) {
          if (pace.deny(state, token, task, START + at) !== null) continue
          pace.draw(state, task, units)
          many += 1
          last = at
        }
      }
      expect(last).toBeGreaterThan(seconds * 900)
      return many
    }
    // With what may come at once.
    expect(admitted(WORK_OF_CALL, 60)).toBeLessThanOrEqual(65 * 33.1)
    expect(admitted(WORK_OF_CALL, 60)).toBeGreaterThan(60 * 33)
    expect(admitted(0, 10)).toBeGreaterThan(10 * 3_990)
  })

  test("a ledger that all its agents call too fast says that it is busy", async () => {
    const tasks = await Promise.all(["first", "second", "third"].map(async (agent) => openTask(agent)))
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { deny } = CallPace.prototype
    vi.spyOn(CallPace.prototype, "deny").mockImplementation(function (this: CallPace, ...call) {
      for (let nth = 1; nth < MAX_PACE.agent * 4; nth++) deny.apply(this, call)
      return deny.apply(this, call)
    })
    const answers = []
    for (const { token } of tasks) answers.push(await callWith(token, "/files"))
    const last = answers.at(-1)
    const headers = ["X-Narrowgate-Status", "Retry-After"].map((name) => last?.headers.get(name))
    expect([last?.code, ...headers]).toEqual(["unavailable", "503", "5"])
    expect(await recordOf(last?.decision ?? "")).toMatchObject({ denial: { reason: "ledger_overloaded" } })
  })
})
