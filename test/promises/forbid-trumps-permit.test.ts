import fc from "fast-check"
import { describe, expect, inject, test } from "vitest"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import { agentId } from "../harness/issuers.ts"
import { assembled, callOf, newState, open, opened, reasonOf, step } from "../harness/trees.ts"

const body = inject("yard")
const ALL = { op: "All" }

function forbid(id: string, principal: object = ALL): LoweredRule {
  return { id, policy: { effect: "forbid", principal, action: ALL, resource: ALL, conditions: [] }, reads: [] }
}

/** Whoever may be a principal of the call below. */
const CHAIN = [
  { type: "User", id: "https://idp.test|alice" },
  { type: "Agent", id: agentId("first") },
  { type: "Agent", id: agentId("second") },
]

function chain(bundle: ReturnType<typeof assembled>) {
  const state = newState()
  const child = opened(open(bundle, state, "second", opened(open(bundle, state, "first"))))
  return { state, child }
}

describe("forbid trumps permit", () => {
  test.each(CHAIN)("a forbid that holds for $id alone denies the call of the whole chain", (entity) => {
    const { state, child } = chain(assembled())
    const bundle = assembled({ ...body, rules: [...body.rules, forbid("stop", { op: "==", entity })] })
    const { denial, evidence } = step(bundle, state, callOf(child, "files.read"))
    expect(denial).toMatchObject({ reason: "policy_forbids", rules: ["stop"] })
    expect(evidence.principal).toContain(entity.id)
    expect(evidence.rules).toEqual(["stop"])
  })

  test("a forbid for somebody else stops nothing", () => {
    const { state, child } = chain(assembled())
    const entity = { type: "Agent", id: agentId("third") }
    const bundle = assembled({ ...body, rules: [...body.rules, forbid("stop", { op: "==", entity })] })
    expect(reasonOf(bundle, state, callOf(child, "files.read"))).toBe("allowed")
  })

  test("in whatever order the rules stand", () => {
    const { state, child } = chain(assembled())
    const rules = [...body.rules, forbid("stop")]
    fc.assert(
      fc.property(fc.shuffledSubarray(rules, { minLength: rules.length }), fc.boolean(), (shuffled, forbidden) => {
        const bundle = assembled({ ...body, rules: shuffled.filter(({ id }) => forbidden || id !== "stop") })
        expect(reasonOf(bundle, state, callOf(child, "files.list"))).toBe(forbidden ? "policy_forbids" : "allowed")
      }),
      { seed: 20261125, numRuns: 60 },
    )
  })

  test("the order of calls matters where a rule says so, and for the whole tree", () => {
    const bundle = assembled()
    const state = newState()
    const root = opened(open(bundle, state, "first"))
    const other = opened(open(bundle, state, "second", root))
    const mail = { to: "a@example.org" }
    expect(reasonOf(bundle, state, callOf(root, "mail.send", mail))).toBe("allowed")
    const third = opened(open(bundle, state, "third", opened(open(bundle, state, "second", root))))
    // What the tree has not been granted it has not read either.
    expect(reasonOf(bundle, state, callOf(third, "vault.read"))).toBe("tool_not_granted")
    expect(reasonOf(bundle, state, callOf(root, "mail.send", mail))).toBe("allowed")
    expect(reasonOf(bundle, state, callOf(root, "vault.read"))).toBe("allowed")
    const { denial } = step(bundle, state, callOf(root, "mail.send", mail))
    expect(denial).toMatchObject({ reason: "policy_forbids", rules: ["no-external-after-confidential"] })
    expect(reasonOf(bundle, state, callOf(other, "files.read"))).toBe("allowed")
  })
})
