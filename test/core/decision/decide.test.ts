import { expect, inject, test } from "vitest"
import type { Call } from "../../../src/core/decision/call.ts"
import { lifecycleName } from "../../../src/core/catalog/lifecycle.ts"
import { window } from "../../harness/guardrails.ts"
import { assembled, callOf, newState, open, opened, reasonOf, scopes, START, type Held } from "../../harness/trees.ts"

test("a call that rules refuse is no deviation, however far beyond a guardrail it is: its task suffers nothing", () => {
  const limit = { id: "letters", tools: ["mail.send"], per: "task", limit: 1, seconds: 60 } as const
  const guardrails = [window(limit, { consequence: "quarantine" })]
  const bundle = assembled({ ...inject("yard"), guardrails })
  const state = newState()
  const held = opened(open(bundle, state, "first"))
  const mail = (to: string): string => reasonOf(bundle, state, callOf(held, "mail.send", { to }))
  const read = (): string => reasonOf(bundle, state, callOf(held, "files.read", { file: "a" }))
  expect([mail("a@example.org"), mail("a@evil.test"), read()]).toEqual(["allowed", "policy_forbids", "allowed"])
  expect([mail("a@example.org"), read()]).toEqual(["window_full", "task_ended"])
})

test("what is no work keeps no task from being idle: messages to a server, denied calls", () => {
  const yard = inject("yard")
  const bundle = assembled({ ...yard, purposes: yard.purposes.map((each) => ({ ...each, idle: 30 })) })
  const codes = (kept: (held: Held) => Call): readonly string[] => {
    const state = newState()
    const held = opened(open(bundle, state, "first"))
    const read = callOf(held, "files.read", { file: "a" })
    return [
      reasonOf(bundle, state, kept(held), START + 29_000),
      reasonOf(bundle, state, read, START + 29_999),
      reasonOf(bundle, state, kept(held), START + 59_998),
      reasonOf(bundle, state, read, START + 59_999),
    ]
  }
  expect(codes((held) => callOf(held, "files.list"))).toEqual(Array.from({ length: 4 }, () => "allowed"))
  expect(codes((held) => callOf(held, lifecycleName("desk", "ping")))).toEqual([
    "allowed",
    "allowed",
    "allowed",
    "task_ended",
  ])
  expect(codes((held) => callOf(held, "mail.send", { to: "a@evil.test" }))).toEqual([
    "policy_forbids",
    "allowed",
    "policy_forbids",
    "task_ended",
  ])
})

test("a retry of the call that finished a plan is no later than the task could have lived, with calls or without", () => {
  const yard = inject("yard")
  const bundle = assembled({ ...yard, purposes: yard.purposes.map((each) => ({ ...each, idle: 4 })) })
  const codes = (sessionExpiresAt: number | null, times: readonly number[]): readonly string[] => {
    const state = newState()
    const held = opened(open(bundle, state, "first", null, { purpose: "strict", sessionExpiresAt }))
    const call = callOf(held, "files.list", {}, { retry: { requestId: "r1", call: "the same" } })
    return times.map((at) => reasonOf(bundle, state, call, START + at))
  }
  expect(codes(null, [0, 3_999, 4_000])).toEqual(["allowed", "allowed", "task_ended"])
  expect(codes(START + 3_000, [0, 2_999, 3_000])).toEqual(["allowed", "allowed", "task_ended"])
})

test("a result that a server keeps is fetched in a task whose plan has each tool of it, also after its step", () => {
  const yard = inject("yard")
  const lifecycle = lifecycleName("desk", "tasks-get")
  const fetched = (tools: readonly string[]) => {
    const plan = {
      ordered: true,
      steps: [
        { tools, times: 1 },
        { tools: ["files.list"], times: 9 },
      ],
      deviation: "deny",
    } as const
    const bundle = assembled({ ...yard, purposes: yard.purposes.map((each) => ({ ...each, plan })) })
    const state = newState()
    const held = opened(
      open(bundle, state, "first", null, { asked: scopes("desk.*:read", "desk.*:write", "files.list:read") }),
    )
    const call = callOf(held, lifecycle)
    return [
      reasonOf(bundle, state, call),
      reasonOf(bundle, state, callOf(held, "desk.search")),
      reasonOf(bundle, state, call),
    ]
  }
  expect(fetched(["desk.*"])).toEqual(["allowed", "allowed", "allowed"])
  expect(fetched(["files.read"])).toEqual(["result_not_permitted", "plan_left", "result_not_permitted"])
})
