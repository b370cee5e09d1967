/**
 * The official engine is the oracle: on random rules, entities and requests both must come to the same decision by the
 * same rules. The one intended difference, a forbid that errs denies, is put into the oracle's answer (`expected`).
 */
import { type PolicyJson, isAuthorized, preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs"
import fc from "fast-check"
import { expect, test } from "vitest"
import { type PolicyAnswer, compileRules } from "../../src/policy/engine.ts"
import { entityStore } from "../../src/policy/entities.ts"
import * as arbitrary from "../policy/arbitrary-policy.ts"
import { CONTEXT, CORNERS, ENTITIES, ERRS, REQUEST, literal, op } from "../policy/corners.ts"

const SEED = 20261124
const CASES = 5000

const scenario = fc.record({
  policies: arbitrary.policies,
  entities: arbitrary.entities,
  requests: fc.array(arbitrary.request, { minLength: 1, maxLength: 3 }),
})

test("agrees with the official engine on decision, determining rules and erring rules", { timeout: 120_000 }, () => {
  const seen = new Map<string, number>()
  const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
  fc.assert(
    fc.property(scenario, ({ policies, entities, requests }) => {
      const parsed = preparsePolicySet("oracle", { staticPolicies: policies })
      if (parsed.type === "failure") throw new Error(JSON.stringify(parsed.errors))
      const engine = compileRules(arbitrary.rulesOf(policies))
      const store = entityStore(entities)
      for (const operator of operatorsOf(policies)) count(operator)
      for (const request of requests) {
        const oracle = statefulIsAuthorized({ ...request, entities, preparsedPolicySetId: "oracle" })
        if (oracle.type === "failure") throw new Error(JSON.stringify(oracle.errors))
        const { decision, diagnostics } = oracle.response
        const erring = diagnostics.errors.map((error) => error.policyId)
        const answer = engine.authorize(arbitrary.requestOf(request), store)
        expect(answer).toEqual(expected(decision === "allow", diagnostics.reason, erring, policies))
        count(answer.allowed ? "allowed" : answer.determining.length > 0 ? "forbidden" : "default deny")
        for (const id of erring) count(`erring ${policies[id]?.effect}`)
      }
    }),
    { seed: SEED, numRuns: CASES },
  )
  // A generator that drifts into trivial cases would agree on everything and show nothing.
  for (const what of [...OUTCOMES, ...OPERATORS]) expect(seen.get(what) ?? 0, what).toBeGreaterThan(CASES / 10)
})

test("the corners of test/policy are the official engine's", () => {
  for (const [name, corners] of Object.entries(CORNERS)) {
    for (const [index, [expression, result]] of corners.entries()) {
      const body = op("==", expression, literal(result === ERRS ? 0 : result))
      const scope = { principal: { op: "All" }, action: { op: "All" }, resource: { op: "All" } }
      const policy: PolicyJson = JSON.parse(
        JSON.stringify({ effect: "permit", ...scope, conditions: [{ kind: "when", body }] }),
      )
      const call = { ...REQUEST, context: CONTEXT, entities: ENTITIES, policies: { staticPolicies: { policy } } }
      const answer = isAuthorized(call)
      if (answer.type === "failure") throw new Error(JSON.stringify(answer.errors))
      const { decision, diagnostics } = answer.response
      const expected = result === ERRS ? ["deny", 1] : ["allow", 0]
      expect([decision, diagnostics.errors.length], `${name} ${index}`).toEqual(expected)
    }
  }
})

const OUTCOMES = ["allowed", "forbidden", "default deny", "erring permit", "erring forbid"]
const OPERATORS =
  "Value Var ! neg == != in < <= > >= && || + - * contains containsAll containsAny isEmpty . has like is if-then-else Set Record".split(
    " ",
  )

function expected(
  allowed: boolean,
  reason: readonly string[],
  erring: readonly string[],
  policies: Readonly<Record<string, PolicyJson>>,
): PolicyAnswer {
  const erringForbids = erring.filter((id) => policies[id]?.effect === "forbid")
  const determining = erringForbids.length === 0 ? reason : [...(allowed ? [] : reason), ...erringForbids]
  return {
    allowed: allowed && erringForbids.length === 0,
    determining: determining.toSorted(),
    erring: erring.toSorted(),
  }
}

function operatorsOf(json: unknown): Set<string> {
  const found = new Set<string>()
  const visit = (node: unknown) => {
    if (typeof node !== "object" || node === null) return
    for (const [key, inner] of Object.entries(node)) {
      if (!Array.isArray(node)) found.add(key)
      if (key !== "Value") visit(inner)
    }
  }
  visit(json)
  return found
}
