/** All trees of one person are in one ledger, which nobody finds by an id that was not given out. */
import { listDurableObjectIds } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { readLocator } from "../../src/core/task/state.ts"
import { isOwnTaskId, ledgerOfTask, newTaskId } from "../../src/platform/task-id.ts"
import { openTask, openTaskFor } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { IDP } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"

yardForEach()

/** At most twice a minute in each tree. */
async function twiceAMinute(): Promise<void> {
  const few = window({ id: "few", tools: ["files.list"], per: "tree", limit: 2, seconds: 60 })
  await publish({ ...(await yard()), guardrails: [few] })
  forgetCaches()
}

describe("a person's ledger", () => {
  test("has the trees of all their agents, and another person's has none of them", async () => {
    const [first, second, bob] = [await openTask("first"), await openTask("second"), await openTaskFor("bob")]
    expect(readLocator(second.task)).toBe(readLocator(first.task))
    expect(readLocator(bob.task)).not.toBe(readLocator(first.task))
    expect(readLocator(newTaskId(env, { issuer: IDP, subject: "alice" }, 0))).toBe(readLocator(first.task))
  })

  test("keeps its trees apart: the end of one is not the end of another, before and after it dies", async () => {
    const [one, two] = [await openTask("first"), await openTask("first")]
    const operator = await bearerOf("operator")
    expect((await manage("POST", "/v1/revocations", operator, {}, { task: one.task })).status).toBe(200)
    expect((await callWith(one.token, "/files")).code).toBe("invalid_token")
    expect((await callWith(two.token, "/files")).code).toBe("ok")
    await killObjects()
    expect((await callWith(one.token, "/files")).code).toBe("invalid_token")
    expect((await callWith(two.token, "/files")).code).toBe("ok")
  })

  test("counts what each tree has used by itself, before and after it dies", async () => {
    await twiceAMinute()
    const [one, two] = [await openTask("first"), await openTask("first")]
    const codes = async ({ token }: typeof one, times: number): Promise<readonly string[]> => {
      const found: string[] = []
      for (let index = 0; index < times; index++) found.push((await callWith(token, "/files")).code)
      return found
    }
    expect(await codes(one, 3)).toEqual(["ok", "ok", "rate_limited"])
    expect(await codes(two, 1)).toEqual(["ok"])
    await killObjects()
    expect(await codes(one, 1)).toEqual(["rate_limited"])
    expect(await codes(two, 2)).toEqual(["ok", "rate_limited"])
  })
})

/** A namespace of objects has a key of its own; that of another class stands for that of another deployment. */
const OTHER_KEY: Env["LEDGER"] = Object.create(env.LEDGER, {
  idFromName: { value: (name: string) => env.INBOX.idFromName(name) },
})
const idOf = (subject: string): string => newTaskId(env, { issuer: IDP, subject }, Date.now())

describe("an id that was not given out", () => {
  test.each<readonly [string, (own: string) => string]>([
    ["of another deployment", () => newTaskId({ LEDGER: OTHER_KEY }, { issuer: IDP, subject: "alice" }, Date.now())],
    ["with another person's locator", (own) => own.replace(readLocator(own), readLocator(idOf("bob")))],
    ["with another task's check", (own) => `${own.slice(0, -5)}${idOf("alice").slice(-5)}`],
    ["whose time differs", (own) => own.replace(/^tsk_0/, "tsk_1")],
    ["in lower case", (own) => own.replace(readLocator(own), readLocator(own).toLowerCase())],
    ["without its check", (own) => own.slice(0, -5)],
  ])("%s is nobody's, and touches no ledger", async (_what, changed) => {
    const { task } = await openTask("first")
    const foreign = changed(task)
    expect(isOwnTaskId(env, task)).toBe(true)
    expect([isOwnTaskId(env, foreign), ledgerOfTask(env, foreign)]).toEqual([false, null])
    const before = (await listDurableObjectIds(env.LEDGER)).length
    const operator = await bearerOf("operator")
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/quarantine"],
      ["POST", "/complete"],
      ["GET", "/approvals"],
    ] as const) {
      expect((await manage(method, `/v1/tasks/${foreign}${path}`, operator)).status).toBe(404)
    }
    expect((await listDurableObjectIds(env.LEDGER)).length).toBe(before)
  })
})

test("a clock that was a day ahead is corrected: the person's next task is not refused until the day has come", async () => {
  await twiceAMinute()
  const real = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: real + 86_400_000 })
  const { token } = await openTask("first")
  expect((await callWith(token, "/files")).code).toBe("ok")
  vi.setSystemTime(real + 1_000)
  const task = await openTask("first")
  const codes: string[] = []
  for (let index = 0; index < 3; index++) codes.push((await callWith(task.token, "/files")).code)
  expect(codes).toEqual(["ok", "ok", "rate_limited"])
  vi.setSystemTime(real + 62_000)
  expect((await callWith(task.token, "/files")).code).toBe("ok")
})
