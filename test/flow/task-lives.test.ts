import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { openChild, openTask, postForm, exchangeForm, type OpenTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { evict } from "../harness/ledgers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { idToken } from "../harness/issuers.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const at = (now: number): void => {
  vi.useFakeTimers({ now, toFake: ["Date"] })
}
const codeOf = async (token: string, path: string): Promise<string> => (await callWith(token, path)).code
const view = z.object({
  tasks: z.array(
    z.looseObject({
      status: z.string(),
      ended_by: z.string().nullable(),
      frozen_by: z.string().nullable(),
      left: z.object({ calls: z.number().nullable(), life: z.number(), next: z.array(z.string()).nullable() }),
    }),
  ),
})

async function shown({ task }: OpenTask) {
  const { json } = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
  const [first] = view.parse(json).tasks
  if (!first) throw new Error("no such task")
  return first
}

describe("a task with a plan", () => {
  test("a call out of order is a deviation, and freezes the task until an operator releases it", async () => {
    const task = await openTask("first", { purpose: "in-order" })
    expect((await shown(task)).left.next).toEqual(["files.list", "files.read"])
    expect(await codeOf(task.token, "/files")).toBe("ok")
    const left = await callWith(task.token, "/mail", {
      method: "POST",
      body: JSON.stringify({ to: "a@example.org" }),
      headers: { "Content-Type": "application/json" },
    })
    expect([left.status, left.code]).toEqual([403, "deviation"])
    expect(await recordOf(left.decision)).toMatchObject({
      denial: { reason: "plan_left", expected: ["files.list", "files.read", "desk.search"], consequence: "quarantine" },
    })
    expect(await shown(task)).toMatchObject({
      status: "quarantined",
      ended_by: null,
      frozen_by: "deviation",
      left: { life: 0 },
    })
    // Frozen is frozen, whatever the ledger forgets.
    await killObjects()
    expect(await codeOf(task.token, "/files")).toBe("invalid_token")
    const path = `/v1/tasks/${task.task}/release`
    expect((await manage("POST", path, `Bearer ${task.token}`)).status).toBe(401)
    expect((await manage("POST", path, await bearerOf("viewer"))).status).toBe(403)
    expect((await manage("POST", path, await bearerOf("operator"))).status).toBe(200)
    expect((await manage("POST", path, await bearerOf("operator"))).status).toBe(404)
    expect(await codeOf(task.token, "/files/a")).toBe("ok")
  })

  test("its progress outlives the ledger's memory", async () => {
    const task = await openTask("first", { purpose: "any-order" })
    for (const path of ["/files/a", "/files/b"]) {
      expect(await codeOf(task.token, path)).toBe("ok")
      await killObjects()
    }
    expect(await codeOf(task.token, "/files/c")).toBe("deviation")
    expect((await shown(task)).left.next).toEqual(["files.list"])
  })

  test("a finished plan ends the task, its subtree with it", async () => {
    const task = await openTask("first", { purpose: "any-order" })
    const child = await openChild(task.token, "second", { purpose: "work" })
    for (const path of ["/files/a", "/files"]) expect(await codeOf(child.token, path)).toBe("ok")
    // The child's calls are the plan's too: nobody leaves it by delegating.
    expect(await codeOf(task.token, "/files")).toBe("deviation")
    expect(await codeOf(task.token, "/files/b")).toBe("ok")
    expect(await shown(task)).toMatchObject({ status: "completed", ended_by: "plan" })
    for (const { token } of [task, child]) expect(await codeOf(token, "/files")).toBe("invalid_token")
    await evict(task.task)
    expect(await codeOf(child.token, "/files")).toBe("invalid_token")
  })

  test("a call that would be refused anyway is no deviation, and through a gateway that observes none has consequences", async () => {
    const task = await openTask("first", { purpose: "strict" })
    expect((await callWith(task.token, "/files/a", {}, "watch")).status).toBe(200)
    expect((await shown(task)).status).toBe("active")
    const mail = {
      method: "POST",
      body: JSON.stringify({ to: "a@elsewhere.test" }),
      headers: { "Content-Type": "application/json" },
    }
    const ordered = await openTask("first", { purpose: "in-order" })
    expect((await callWith(ordered.token, "/mail", mail)).code).toBe("policy_denied")
    expect((await shown(ordered)).status).toBe("active")
  })

  test("a child that leaves its parent's plan is frozen itself, not the parent", async () => {
    const task = await openTask("first", { purpose: "in-order" })
    const child = await openChild(task.token, "second", { purpose: "work" })
    for (const path of ["/files", "/files"]) expect(await codeOf(child.token, path)).toBe("ok")
    expect(await codeOf(child.token, "/files")).toBe("deviation")
    expect([(await shown(task)).status, (await shown(child)).status]).toEqual(["active", "quarantined"])
    // Frozen, it is not its agent's to close.
    expect((await manage("POST", `/v1/tasks/${child.task}/complete`, `Bearer ${child.token}`)).status).toBe(409)
  })

  test("where the purpose says so, a deviation ends it", async () => {
    const task = await openTask("first", { purpose: "strict" })
    expect(await codeOf(task.token, "/files/a")).toBe("deviation")
    expect(await shown(task)).toMatchObject({ status: "revoked", ended_by: "deviation" })
    expect((await manage("POST", `/v1/tasks/${task.task}/release`, await bearerOf("operator"))).status).toBe(404)
  })

  test("a denied call takes no place in it", async () => {
    const task = await openTask("first", { purpose: "any-order" })
    expect((await callWith(task.token, "/files/a", { method: "DELETE" })).code).toBe("insufficient_scope")
    expect(await codeOf(task.token, "/files")).toBe("ok")
  })
})

describe("a task's end", () => {
  test("the token answer, the record and the task's view name the bound that comes first", async () => {
    const exp = Math.floor(Date.now() / 1000) + 240
    const form = { ...(await exchangeForm("first")), subject_token: await idToken("alice", { claims: { exp } }) }
    const { issued, headers } = await postForm(form)
    expect(issued).toMatchObject({ limited_by: "task", task_limited_by: "session" })
    expect(issued?.task_expires_in).toBeGreaterThan(200)
    expect(issued?.task_expires_in).toBeLessThanOrEqual(240)
    const expires = { token: { at: exp * 1000, limited_by: "task" }, task: { at: exp * 1000, limited_by: "session" } }
    expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({ expires })
    expect(await shown({ task: issued?.task ?? "", token: "", scope: "" })).toMatchObject({ limited_by: "session" })
    const whole = await postForm(await exchangeForm("first"))
    expect(whole.issued).toMatchObject({ limited_by: "agent_life", task_limited_by: "purpose_life" })
  })

  test("an idle task expires; a call keeps it from that, also where its ledger forgets all", async () => {
    const start = Date.now()
    const task = await openTask("first", { purpose: "brief" })
    at(start + 20_000)
    expect(await codeOf(task.token, "/files")).toBe("ok")
    at(start + 45_000)
    expect(await codeOf(task.token, "/files")).toBe("ok")
    await killObjects()
    at(start + 60_000)
    expect(await codeOf(task.token, "/files")).toBe("ok")
    at(start + 91_000)
    const idle = await callWith(task.token, "/files")
    expect(idle.code).toBe("invalid_token")
    expect(await recordOf(idle.decision)).toMatchObject({ denial: { reason: "task_ended", state: "idle" } })
    const renewed = await postForm({
      ...(await exchangeForm("first")),
      subject_token: task.token,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    })
    expect(renewed.refused?.error).toBe("invalid_request")
  })

  test("its agent may give up: what was begun is revoked, with those below", async () => {
    const task = await openTask()
    const child = await openChild(task.token, "second")
    expect((await manage("POST", `/v1/tasks/${task.task}/abort`, `Bearer ${child.token}`)).status).toBe(404)
    expect((await manage("POST", `/v1/tasks/${task.task}/abort`, `Bearer ${task.token}`)).status).toBe(200)
    expect(await shown(task)).toMatchObject({ status: "revoked", ended_by: "abort" })
    expect(await codeOf(child.token, "/files")).toBe("invalid_token")
  })

  test("a frozen child does not freeze its parent, a frozen parent does its child", async () => {
    const task = await openTask()
    const child = await openChild(task.token, "second")
    const freeze = async (id: string) => manage("POST", `/v1/tasks/${id}/quarantine`, await bearerOf("operator"))
    expect((await manage("POST", `/v1/tasks/${child.task}/quarantine`, `Bearer ${task.token}`)).status).toBe(401)
    expect((await freeze(child.task)).status).toBe(200)
    expect(await codeOf(child.token, "/files")).toBe("invalid_token")
    expect(await codeOf(task.token, "/files")).toBe("ok")
    await manage("POST", `/v1/tasks/${child.task}/release`, await bearerOf("operator"))
    expect((await freeze(task.task)).status).toBe(200)
    expect(await codeOf(child.token, "/files")).toBe("invalid_token")
    // It was not frozen itself: what is released goes on with all below it.
    await manage("POST", `/v1/tasks/${task.task}/release`, await bearerOf("operator"))
    expect(await codeOf(child.token, "/files")).toBe("ok")
    expect((await freeze(task.task)).status).toBe(200)
    // Frozen, it can still be ended, and not be released any more.
    await complete(task.task, await bearerOf("operator"))
    expect((await manage("POST", `/v1/tasks/${task.task}/release`, await bearerOf("operator"))).status).toBe(404)
  })

  test("a task that has expired is neither frozen nor released: nothing of it changes", async () => {
    const [task, frozen] = [await openTask(), await openTask("second")]
    const asOperator = async (id: string, what: string) =>
      (await manage("POST", `/v1/tasks/${id}/${what}`, await bearerOf("operator"))).status
    expect(await asOperator(frozen.task, "quarantine")).toBe(200)
    at(Date.now() + 3_600_000)
    for (const what of ["quarantine", "release"])
      expect([await asOperator(task.task, what), await asOperator(frozen.task, what)]).toEqual([404, 404])
    expect(await shown(task)).toMatchObject({ status: "expired", ended_by: null, frozen_by: null })
    expect(await shown(frozen)).toMatchObject({ status: "quarantined", frozen_by: "operator" })
  })
})

describe("opening tasks is limited, for an agent and user together", () => {
  const open = async (user: string) => postForm(await exchangeForm("crowded", user))

  test("so many alive, and an end makes room", async () => {
    const [one, two] = [await open("alice"), await open("alice")]
    expect([one.status, two.status]).toEqual([200, 200])
    const third = await open("alice")
    expect([third.status, third.refused?.error]).toEqual([429, "rate_limited"])
    expect(Number(third.headers.get("Retry-After"))).toBeGreaterThan(1)
    // Another user's are counted apart, and parts of a task are none of their own.
    expect((await open("bob")).status).toBe(200)
    await complete(one.issued?.task ?? "", await bearerOf("operator"))
    await vi.waitFor(async () => expect((await open("alice")).status).toBe(200))
  })

  test("so many a minute, however soon they end; what was refused does not count", async () => {
    const start = Date.now()
    for (let index = 0; index < 3; index++) {
      await vi.waitFor(async () => {
        const { status, issued } = await open("alice")
        expect(status).toBe(200)
        await complete(issued?.task ?? "", await bearerOf("operator"))
      })
    }
    const fourth = await open("alice")
    expect(fourth.refused?.error_description).toMatch(/opened just now/)
    at(start + 61_000)
    forgetCaches()
    expect((await open("alice")).status).toBe(200)
  })

  test("after a crash the rows of the tasks tell: an end has made room, a live task has none, and its expiry makes room", async () => {
    const start = Date.now()
    const first = await open("alice")
    expect((await open("alice")).status).toBe(200)
    await killObjects()
    expect((await open("alice")).refused?.error_description).toMatch(/are open/)
    await complete(first.issued?.task ?? "", await bearerOf("operator"))
    await killObjects()
    expect((await open("alice")).status).toBe(200)
    await killObjects()
    // Three were opened within this minute, whatever has become of them.
    expect((await open("alice")).refused?.error_description).toMatch(/just now/)
    at(start + 601_000)
    forgetCaches()
    expect((await open("alice")).status).toBe(200)
  })

  test("twenty at once are admitted two", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, async () => open("alice")))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
  })

  test("a request that the ledger refuses does not count: what was opened still does, for a minute", async () => {
    for (let index = 0; index < 2; index++) {
      const { issued } = await open("alice")
      await complete(issued?.task ?? "", await bearerOf("operator"))
    }
    const form = { ...(await exchangeForm("crowded")), scope: "files.nothing:read" }
    await vi.waitFor(async () => expect((await postForm(form)).refused?.error).toBe("invalid_scope"))
    await vi.waitFor(async () => expect((await open("alice")).status).toBe(200))
    expect((await open("alice")).refused?.error_description).toMatch(/just now/)
  })

  test("a request that the ledger refuses leaves its place", async () => {
    for (let index = 0; index < 5; index++) {
      const form = { ...(await exchangeForm("crowded")), scope: "files.nothing:read" }
      const { refused } = await postForm(form)
      expect(["invalid_scope", "rate_limited"]).toContain(refused?.error)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect((await open("alice")).status).toBe(200)
  })
})
