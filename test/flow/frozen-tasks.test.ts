/**
 * A quarantined task waits for an operator. Whatever an agent does, with its own task or one above, the task stays
 * quarantined: an agent that could end it would take it from the operator's sight, and could open another.
 */
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import {
  childForm,
  exchangeForm,
  openChild,
  openTask,
  openTaskFor,
  postForm,
  type OpenTask,
} from "../harness/agents.ts"
import { codeFor, provenAs, redeem, refreshBy, taskOf } from "../harness/browser.ts"
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, callWith, ORIGIN } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { allLogs, findRecords } from "../../src/audit/record-logs.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

type Way = "complete" | "abort" | "quarantine" | "release"
const byOperator = async (task: string, way: Way) =>
  manage("POST", `/v1/tasks/${task}/${way}`, await bearerOf("operator"))
const byAgent = async (task: string, way: Way, { token }: Pick<OpenTask, "token">) =>
  manage("POST", `/v1/tasks/${task}/${way}`, `Bearer ${token}`)
const codeOf = async ({ token }: Pick<OpenTask, "token">, path = "/files"): Promise<string> =>
  (await callWith(token, path)).code
const statusOf = async (task: string): Promise<string> => (await viewOf(task)).status

async function freeze(task: string): Promise<void> {
  expect((await byOperator(task, "quarantine")).status).toBe(200)
}

/** A root, its child and a child of that. */
async function line(purpose = "work") {
  const root = await openTask("first", { purpose })
  const middle = await openChild(root.token, "second", { purpose: "work" })
  const leaf = await openChild(middle.token, "third")
  return { root, middle, leaf }
}

/** A task that a person has consented to at their browser, with a child. */
async function consented() {
  const code = await codeFor()
  const { issued } = await redeem(code)
  const root = { token: issued?.access_token ?? "", task: issued?.task ?? "" }
  const child = await openChild(root.token, "second", { scope: "files.*:read" })
  return { code, refresh: issued?.refresh_token ?? "", root, child }
}

const giveUp = async (token: string): Promise<number> => {
  const body = new URLSearchParams({ token })
  for (const [name, value] of Object.entries(await provenAs("first"))) {
    if (typeof value === "string") body.set(name, value)
  }
  return (await knock(new Request(`${US}/oauth/revoke`, { method: "POST", body }))).status
}

test("a task that waits to be begun cannot be frozen, and is not said to be: an operator revokes it", async () => {
  const code = await codeFor()
  const task = taskOf(code)
  expect(await statusOf(task)).toBe("pending")
  const answer = await byOperator(task, "quarantine")
  expect([answer.status, answer.json]).toMatchObject([409, { error: "task_pending" }])
  const ended = await byOperator(task, "complete")
  expect(ended.status).toBe(200)
  // Once the ledger's record of the end has arrived, one of the freeze would have, too.
  await recordOf(ended.headers.get("X-Narrowgate-Decision") ?? "")
  const id = answer.headers.get("X-Narrowgate-Decision") ?? ""
  await recordOf(id)
  const told = (await findRecords(env, { task, limit: 100 })).filter((record) => record.id === id)
  expect(told.map(({ decision, code }) => [decision, code])).toEqual([["deny", "task_pending"]])
  expect((await redeem(code)).status).toBe(400)
})

describe("no agent ends a frozen task", () => {
  const NAMES = ["root", "middle", "leaf"] as const
  const ways = NAMES.flatMap((frozen) =>
    NAMES.flatMap((holder, at) => NAMES.slice(at).map((ended) => [frozen, holder, ended] as const)),
  )

  test.each(ways)("where the %s is frozen, with the token of the %s: the %s", async (frozen, holder, ended) => {
    const tasks = await line()
    await freeze(tasks[frozen].task)
    for (const way of ["complete", "abort"] as const) {
      const answer = await byAgent(tasks[ended].task, way, tasks[holder])
      expect([answer.status, answer.json]).toMatchObject([409, { error: "task_quarantined" }])
      expect(await recordOf(answer.headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
        decision: "deny",
        code: "task_quarantined",
        denial: { reason: "task_quarantined", task: tasks[frozen].task },
      })
    }
    for (const name of NAMES) {
      expect(await statusOf(tasks[name].task)).toBe(name === frozen ? "quarantined" : "active")
    }
  })

  test("a task beside a frozen one is its own agent's to end", async () => {
    const root = await openTask("first")
    const [frozen, other] = [await openChild(root.token, "second"), await openChild(root.token, "second")]
    await freeze(frozen.task)
    expect((await byAgent(other.task, "complete", other)).status).toBe(200)
    expect(await statusOf(frozen.task)).toBe("quarantined")
  })

  test.each([
    ["finishing", "/files", "ok", { status: "completed", ended_by: "plan" }],
    ["leaving", "/files/a", "deviation", { status: "revoked", ended_by: "deviation" }],
  ] as const)("by %s the plan of a task above, which ends all the others", async (_what, path, code, ended) => {
    const { root, middle, leaf } = await line("strict")
    await freeze(middle.task)
    expect(await codeOf(root, path)).toBe(code)
    await killObjects()
    expect(await viewOf(root.task)).toMatchObject(ended)
    expect(await viewOf(leaf.task)).toMatchObject(ended)
    expect(await viewOf(middle.task)).toMatchObject({ status: "quarantined", ended_by: null, frozen_by: "operator" })
    for (const each of [root, middle, leaf]) expect(await codeOf(each)).toBe("invalid_token")
  })

  test.each(["root", "child"] as const)("by giving up its refresh token where the %s is frozen", async (frozen) => {
    const { refresh, ...tasks } = await consented()
    await freeze(tasks[frozen].task)
    expect(await giveUp(refresh)).toBe(200)
    await killObjects()
    const statuses = { root: await statusOf(tasks.root.task), child: await statusOf(tasks.child.task) }
    expect(statuses).toEqual({ root: "active", child: "active", [frozen]: "quarantined" })
    // What it gave up is given up all the same, though the task is let go on.
    expect((await byOperator(tasks[frozen].task, "release")).status).toBe(200)
    expect((await refreshBy(refresh)).refused?.error).toBe("invalid_grant")
    for (const each of [tasks.root, tasks.child]) expect(await codeOf(each)).toBe("invalid_token")
  })

  test("by showing its code once more, or a refresh token that was replaced", async () => {
    for (const misuse of ["code", "refresh"] as const) {
      const { code, refresh, root, child } = await consented()
      const newer = (await refreshBy(refresh)).issued?.refresh_token ?? ""
      await freeze(root.task)
      if (misuse === "code") await redeem(code)
      else {
        vi.useFakeTimers({ now: Date.now() + 11_000, toFake: ["Date"] })
        await refreshBy(refresh)
      }
      expect(await statusOf(root.task)).toBe("quarantined")
      expect(await viewOf(child.task)).toMatchObject({ status: "revoked", ended_by: "misuse" })
      expect((await byOperator(root.task, "release")).status).toBe(200)
      // Its authority has ended with the misuse.
      expect(await codeOf(root)).toBe("invalid_token")
      expect((await refreshBy(newer)).refused?.error).toBe("invalid_grant")
      vi.useRealTimers()
    }
  })

  test("by showing its code once more where a task below is frozen", async () => {
    const { code, root, child } = await consented()
    await freeze(child.task)
    await redeem(code)
    expect(await viewOf(root.task)).toMatchObject({ status: "revoked", ended_by: "misuse" })
    expect(await statusOf(child.task)).toBe("quarantined")
    expect(await codeOf(child)).toBe("invalid_token")
  })
})

describe("an operator ends a frozen task", () => {
  test("itself, and with one above it", async () => {
    const [one, other, third] = [await line(), await line(), await line()]
    for (const { middle } of [one, other, third]) await freeze(middle.task)
    expect((await byOperator(one.middle.task, "complete")).status).toBe(200)
    expect((await byOperator(other.root.task, "complete")).status).toBe(200)
    const revocation = { task: third.root.task }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, revocation)).status).toBe(200)
    for (const { middle } of [one, other, third]) expect(await statusOf(middle.task)).toBe("revoked")
  })

  test("by releasing it where one above it has ended since: it does not go on alone", async () => {
    const { root, middle } = await line("strict")
    await freeze(middle.task)
    expect(await codeOf(root)).toBe("ok")
    const released = z.object({ task: z.string(), status: z.string() })
    const { status, json } = await byOperator(middle.task, "release")
    expect([status, released.parse(json)]).toEqual([200, { task: middle.task, status: "completed" }])
    expect(await viewOf(middle.task)).toMatchObject({ status: "completed", ended_by: "operator" })
    expect(await codeOf(middle)).toBe("invalid_token")
  })

  test("and expiry ends it: then it is in nobody's way any more", async () => {
    const root = await openTask("first")
    const child = await openChild(root.token, "second", { purpose: "errand", scope: "files.*:read" })
    await freeze(child.task)
    vi.useFakeTimers({ now: Date.now() + 121_000, toFake: ["Date"] })
    expect((await byAgent(root.task, "complete", root)).status).toBe(200)
    expect(await statusOf(root.task)).toBe("completed")
  })
})

test.each([
  ["a tool of its grant", "/files"],
  ["an unknown tool", "/nowhere"],
])("a call of %s that is denied as its task is frozen has used up its proof", async (_called, path) => {
  const key = await newProofKey()
  const { token, task } = await openTask("first", {}, await proofForToken(key))
  const call = async (to: string, proof: string) =>
    askAs("envoy", { path: to, headers: { Authorization: `DPoP ${token}`, DPoP: proof } })
  const seen = await proofOf(key, "GET", ORIGIN + path, token)
  await freeze(task)
  expect((await call(path, seen)).code).toBe("invalid_token")
  await byOperator(task, "release")
  const { decision } = await call(path, seen)
  expect((await recordOf(decision)).denial).toMatchObject({ reason: "proof_replayed" })
  expect((await call("/files", await proofOf(key, "GET", `${ORIGIN}/files`, token))).code).toBe("ok")
})

test("a task that was frozen although the answer was lost has one record, which tells that it is", async () => {
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { end } = Ledger.prototype
  vi.spyOn(Ledger.prototype, "end").mockImplementation(async function (this: Ledger, ...asked) {
    await end.apply(this, asked)
    throw new Error("the answer is lost, by a test")
  })
  const tasks = await Promise.all(Array.from({ length: 8 }, async () => openTask("first")))
  for (const { task } of tasks) {
    const { status, json } = await byOperator(task, "quarantine")
    expect(status).toBe(503)
    const { decision_id: decision } = z.object({ decision_id: z.string() }).parse(json)
    expect(await statusOf(task)).toBe("quarantined")
    await vi.waitFor(async () => {
      const logs = await Promise.all(allLogs(env).map(async (log) => log.get(decision)))
      expect(logs.filter((each) => each !== null)).toHaveLength(2)
    }, 4_000)
    expect(await recordOf(decision)).toMatchObject({ kind: "end", decision: "allow", code: "ok", task })
    const records = await findRecords(env, { limit: 1000 })
    expect(records.filter(({ id }) => id === decision)).toMatchObject([{ decision: "allow" }])
  }
})

describe("while a task is frozen, its agent", () => {
  const another = async (agent = "first", purpose = "work") => {
    const { issued, refused } = await postForm({ ...(await exchangeForm(agent)), purpose })
    return issued ? "ok" : (refused ?? "nothing")
  }
  const denied = (task: string) => ({ error: "access_denied", error_description: expect.stringContaining(task) })

  test("opens no other for the same user and purpose, whatever the ledger forgets, until it is released", async () => {
    const { task } = await openTask()
    await freeze(task)
    expect(await another()).toMatchObject(denied(task))
    await killObjects()
    const { refused } = await postForm(await exchangeForm("first"))
    expect(refused).toMatchObject(denied(task))
    const record = await recordOf(refused?.decision_id ?? "")
    expect(record).toMatchObject({ denial: { reason: "purpose_quarantined", task, purpose: "work" } })
    expect((await byOperator(task, "release")).status).toBe(200)
    expect(await another()).toBe("ok")
    await killObjects()
    expect(await another()).toBe("ok")
  })

  test.each(["ends", "expires"])("opens one again once it %s", async (how) => {
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"], now: start })
    const { task } = await openTask()
    await freeze(task)
    expect(await another()).toMatchObject(denied(task))
    if (how === "ends") expect((await byOperator(task, "complete")).status).toBe(200)
    else vi.setSystemTime(start + 600_000)
    expect(await another()).toBe("ok")
  })

  test("opens others for another purpose, and for another user; and so do other agents", async () => {
    await freeze((await openTask()).task)
    expect([await another("first", "errand"), await another("second")]).toEqual(["ok", "ok"])
    expect((await openTaskFor("bob")).task).not.toBe("")
  })

  test("goes on with a task that it has already", async () => {
    const [frozen, other] = [await openTask(), await openTask()]
    await freeze(frozen.task)
    expect(await codeOf(other)).toBe("ok")
    expect((await postForm(await childForm(other.token, "first"))).issued?.task).toBe(other.task)
  })

  test("gets no task below another either, nor a new one if it is a task below another that is frozen", async () => {
    const root = await openTask()
    const child = await openChild(root.token, "second", { purpose: "work" })
    await freeze(child.task)
    const below = async (parent: OpenTask) => (await postForm(await childForm(parent.token, "second"))).refused
    expect(await below(root)).toMatchObject(denied(child.task))
    expect(await below(await openTask())).toMatchObject(denied(child.task))
    expect(await another("second")).toMatchObject(denied(child.task))
  })

  test("gets none by a code that a person has consented to before, and no person is asked for one", async () => {
    const code = await codeFor()
    const { task } = await openTask()
    await freeze(task)
    const { refused } = await redeem(code)
    expect(refused).toMatchObject(denied(task))
    await expect(codeFor()).rejects.toThrow()
    expect((await byOperator(task, "release")).status).toBe(200)
    expect((await redeem(code)).issued?.task).toBe(taskOf(code))
  })
})
