import fc from "fast-check"
import { describe, expect, inject, test } from "vitest"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { agentId } from "../harness/issuers.ts"
import { assembled, callOf, newState, open, opened, reasonOf, ROOT, snapshot, START, step } from "../harness/trees.ts"

const bundle = assembled()
const first = agentId("first")

/** A tree in which `first` may call everything up to confidential. */
function tree(user = true) {
  const state = newState(user ? undefined : null)
  const held = opened(open(bundle, state, user ? "first" : "alone", null, user ? {} : { purpose: "alone" }))
  return { state, held }
}

function without(change: (body: BundleBody) => Partial<BundleBody>): ReturnType<typeof assembled> {
  const body = inject("yard")
  return assembled({ ...body, ...change(body) })
}

describe("default deny", () => {
  test("what is granted and permitted is allowed: the cases below differ in one thing each", () => {
    const { state, held } = tree()
    expect(reasonOf(bundle, state, callOf(held, "files.read", { file: "a" }))).toBe("allowed")
    const alone = tree(false)
    expect(reasonOf(bundle, alone.state, callOf(alone.held, "files.read"))).toBe("allowed")
  })

  test("no rule", () => {
    const { state, held } = tree()
    const denied = step(
      without(() => ({ rules: [] })),
      state,
      callOf(held, "files.read"),
    )
    expect(denied.denial).toMatchObject({
      reason: "policy_permits_nothing",
      principal: expect.stringContaining("alice"),
    })
  })

  test("no rule that permits this tool, although the grant holds it", () => {
    const { state, held } = tree()
    expect(reasonOf(bundle, state, callOf(held, "files.forbidden"))).toBe("policy_permits_nothing")
  })

  test("unknown tool", () => {
    const { state, held } = tree()
    expect(reasonOf(bundle, state, callOf(held, "files.gone"))).toBe("tool_unknown")
    const shrunk = without(({ tools, routes }) => ({
      tools: tools.filter(({ name }) => name !== "files.read"),
      routes: routes.filter(({ tool }) => tool !== "files.read"),
    }))
    expect(reasonOf(shrunk, state, callOf(held, "files.read"))).toBe("tool_unknown")
  })

  test("unknown agent: one that is registered no more can call no more", () => {
    const { state, held } = tree()
    const shrunk = without(({ agents }) => ({ agents: agents.filter(({ id }) => id !== first) }))
    expect(reasonOf(shrunk, state, callOf(held, "files.read"))).toBe("agent_unregistered")
    expect(open(shrunk, newState(), "first")).toMatchObject({ reason: "agent_unregistered" })
  })

  test("an agent above the calling one that is registered no more", () => {
    const { state, held } = tree()
    const child = opened(open(bundle, state, "second", held))
    const shrunk = without(({ agents }) => ({ agents: agents.filter(({ id }) => id !== first) }))
    expect(reasonOf(bundle, state, callOf(child, "files.read"))).toBe("allowed")
    expect(reasonOf(shrunk, state, callOf(child, "files.read"))).toBe("agent_unregistered")
  })

  test("unknown task, unknown token, and a token of another task", () => {
    const { state, held } = tree()
    const child = opened(open(bundle, state, "second", held))
    expect(reasonOf(bundle, state, callOf({ ...held, task: `${ROOT}.9` }, "files.read"))).toBe("task_unknown")
    expect(reasonOf(bundle, state, callOf({ ...held, token: "never-issued" }, "files.read"))).toBe("token_unissued")
    expect(reasonOf(bundle, state, callOf({ ...held, token: child.token }, "files.read"))).toBe("token_unissued")
  })

  test("an error while evaluating: an erring forbid denies, and is named", () => {
    const { state, held } = tree()
    expect(reasonOf(bundle, state, callOf(held, "sums.double", { amount: 1 }))).toBe("allowed")
    const erring = step(bundle, state, callOf(held, "sums.double", { amount: 2 }))
    expect(erring.denial).toMatchObject({ reason: "policy_forbids", rules: ["errs-from-two"] })
  })

  test("an argument that a rule reads and cannot see denies", () => {
    const { state, held } = tree()
    const values: readonly unknown[] = [null, 1.5, Number.MAX_SAFE_INTEGER + 1, "\ud800", [null], { a: undefined }]
    for (const to of values) {
      expect(reasonOf(bundle, state, callOf(held, "mail.send", { to }))).toBe("arguments_unrepresentable")
    }
    const unseen = { arguments: { complete: false, values: { to: "a@example.org" } } }
    expect(reasonOf(bundle, state, callOf(held, "mail.send", {}, unseen))).toBe("arguments_unknown")
    expect(reasonOf(bundle, state, callOf(held, "mail.send", { to: "a@example.org", TO: "x" }))).toBe(
      "argument_variant",
    )
    expect(reasonOf(bundle, state, callOf(held, "mail.send", { to: "a@example.org" }))).toBe("allowed")
  })

  test("whatever is called, nothing outside grant and policy is allowed", () => {
    const { tools } = inject("yard")
    const permitted = new Set(tools.flatMap(({ name, groups }) => (groups.length > 0 ? [name] : [])))
    const names = fc.oneof(fc.constantFrom(...tools.map(({ name }) => name)), fc.string())
    const values = fc.dictionary(fc.constantFrom("to", "file", "amount", "__proto__"), fc.jsonValue())
    let allowed = 0
    fc.assert(
      fc.property(names, values, fc.string(), (tool, args, environment) => {
        const { state, held } = tree()
        const before = snapshot(bundle, state, START)
        if (reasonOf(bundle, state, callOf(held, tool, args, { environment })) !== "allowed") {
          // And a denied call consumes nothing.
          expect(snapshot(bundle, state, START)).toEqual(before)
          return
        }
        allowed += 1
        expect(permitted.has(tool)).toBe(true)
        expect(tool).not.toBe("files.purge")
      }),
      { seed: 20261125, numRuns: 400 },
    )
    expect(allowed).toBeGreaterThan(50)
  })
})
