/**
 * The official engine is the oracle: on random rules, entities and requests both must come to the same decision by the
 * same rules. The one intended difference, a forbid that errs denies, is put into the oracle's answer (`expected`).
 */
import {
  type EntityUid,
  type PolicyJson,
  type Template,
  type TemplateLink,
  isAuthorized,
  policyToText,
  preparsePolicySet,
  statefulIsAuthorized,
  templateToText,
} from "@cedar-policy/cedar-wasm/nodejs"
import fc from "fast-check"
import { expect, test } from "vitest"
import { toOfficial } from "../../cli/compiler/source/exact-json.ts"
import { ruleToJson } from "../../cli/compiler/rules/exact-rule.ts"
import { linked, slotsOf } from "../../cli/compiler/rules/link-template.ts"
import { type PolicyAnswer, compileRules } from "../../src/core/policy/cedar/engine.ts"
import { entityStore } from "../../src/core/policy/cedar/entities.ts"
import { FUNCTIONS } from "../../src/core/policy/cedar/values/functions.ts"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import * as arbitrary from "../core/policy/arbitrary-policy.ts"
import { CONTEXT, CORNERS, ENTITIES, ERRS, REQUEST, literal, op } from "../core/policy/corners.ts"
import { unsliced } from "../core/policy/unsliced.ts"

/** A case is a request to rules and entities; `npm run test:oracle` asks for many more. */
const CASES = Number(process.env["ORACLE_CASES"] ?? 1500)
/** What one set of rules is asked: two stores in turn, so that what an engine remembers of the one meets the other. */
const ASKED = [
  { store: 0, request: 0 },
  { store: 1, request: 1 },
  { store: 0, request: 1 },
] as const
const RUNS = Math.ceil(CASES / ASKED.length)
const SEED = Number(process.env["ORACLE_SEED"] ?? 20261124)

const scenario = fc.record({
  policies: arbitrary.policies,
  templates: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  stores: fc.tuple(arbitrary.entities, arbitrary.entities),
  requests: fc.tuple(arbitrary.request, arbitrary.request),
})

test("agrees with the official engine on decision, determining rules and erring rules, sliced or not", () => {
  const seen = new Map<string, number>()
  const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
  fc.assert(
    fc.property(scenario, ({ policies, templates, stores, requests }) => {
      const { officialSet, rules, fromText } = bothForms(policies, templates)
      const parsed = preparsePolicySet("oracle", officialSet)
      if (parsed.type === "failure") throw new Error(JSON.stringify(parsed.errors))
      const engine = compileRules(rules)
      const whole = compileRules(arbitrary.rulesOf(policies).map((rule, index) => wholeOf(rule, policies[`p${index}`])))
      for (const operator of operatorsOf(policies)) count(operator)
      if (officialSet.templateLinks.length > 0) count("link")
      if (fromText) count("text")
      for (const asked of ASKED) {
        const entities = stores[asked.store]
        const request = requests[asked.request]
        const official = { ...request, context: exactMembers(request.context), entities: entities.map(exactEntity) }
        const oracle = statefulIsAuthorized({ ...official, preparsedPolicySetId: "oracle" })
        if (oracle.type === "failure") throw new Error(JSON.stringify(oracle.errors))
        const { decision, diagnostics } = oracle.response
        const erring = diagnostics.errors.map((error) => error.policyId)
        const ours = arbitrary.requestOf(request)
        const answer = engine.authorize(ours, storeOf(entities))
        expect(answer).toEqual(expected(decision === "allow", diagnostics.reason, erring, policies))
        expect(whole.authorize(ours, storeOf(entities)), "unsliced").toEqual(answer)
        count(answer.allowed ? "allowed" : answer.determining.length > 0 ? "forbidden" : "default deny")
        for (const id of erring) count(`erring ${policies[id]?.effect}`)
      }
    }),
    { seed: SEED, numRuns: RUNS },
  )
  // A generator that drifts into trivial cases would agree on everything and show nothing.
  for (const what of [...OUTCOMES, ...OPERATORS]) expect(seen.get(what) ?? 0, what).toBeGreaterThan(RUNS / 10)
  for (const what of FUNCTIONS.keys()) expect(seen.get(what) ?? 0, what).toBeGreaterThan(RUNS / 50)
}, 3_600_000)

type LoweredJson = Readonly<Record<string, unknown>>
type Policies = Readonly<Record<string, PolicyJson>>
type Entities = Parameters<typeof entityStore>[0]

/**
 * Some of the policies as templates with a link each, for the official engine; and as the build would lower them all.
 */
function bothForms(policies: Policies, templates: readonly boolean[]) {
  const staticPolicies: Record<string, PolicyJson> = {}
  const opened: Record<string, Template> = {}
  const templateLinks: TemplateLink[] = []
  const rules: LoweredRule[] = []
  let fromText = false
  for (const [index, [id, policy]] of Object.entries(policies).entries()) {
    const template = templates[index] === true ? templateOf(policy) : policy
    const slots = slotsOf({ ...template })
    // Of one only: the official engine takes its time.
    const written = index === 0 ? throughText(template, slots.length === 0 ? "policy" : "template") : null
    fromText ||= written !== null
    if (slots.length === 0) {
      staticPolicies[id] = exactPolicy(policy)
      rules.push({ id, policy: written ?? policy, reads: [] })
      continue
    }
    const values = Object.fromEntries(slots.map((part) => [part, entityOf(policy[part])]))
    opened[`template of ${id}`] = exactPolicy(template)
    templateLinks.push({
      templateId: `template of ${id}`,
      newId: id,
      values: Object.fromEntries(slots.map((part) => [`?${part}`, entityOf(policy[part])])),
    })
    rules.push({ id, policy: linked(written ?? { ...template }, { id, template: "", ...values }), reads: [] })
  }
  return { officialSet: { staticPolicies, templates: opened, templateLinks }, rules, fromText }
}

/** Written as Cedar's text, and lowered from that, as a build does it: no digit may be lost on the way. */
function throughText(policy: PolicyJson, kind: "policy" | "template"): LoweredJson | null {
  const written = (kind === "policy" ? policyToText : templateToText)(exactPolicy(policy))
  if (written.type === "failure") throw new Error(JSON.stringify(written.errors))
  const lowered = ruleToJson(written.text, kind)
  // A path of names that are no identifiers (`has a."x y"`) is written, but not read again.
  return lowered.type === "failure" ? null : lowered.json
}

/** With a slot wherever the scope of principal or resource names an entity. */
function templateOf(policy: PolicyJson): PolicyJson {
  const { principal, resource } = policy
  return { ...policy, principal: opened(principal, "?principal"), resource: opened(resource, "?resource") }
}

function opened(scope: PolicyJson["principal"], slot: string): PolicyJson["principal"] {
  if (scope.op === "==") return { op: "==", slot }
  if (scope.op === "in") return { op: "in", slot }
  return scope.op === "is" && scope.in ? { ...scope, in: { slot } } : scope
}

function entityOf(scope: PolicyJson["principal"]): Extract<EntityUid, { type: string }> {
  const named = scope.op === "is" ? scope.in : scope.op === "All" ? undefined : scope
  if (named === undefined || !("entity" in named) || !("type" in named.entity))
    throw new Error("no entity to link with")
  return named.entity
}

function wholeOf(rule: LoweredRule, policy: PolicyJson | undefined): LoweredRule {
  if (policy === undefined) throw new Error(`no policy ${rule.id}`)
  return { ...rule, policy: unsliced(policy) }
}

/** The same store for the same entities: what an engine remembers holds for the very objects. */
const STORES = new WeakMap<Entities, ReturnType<typeof entityStore>>()
function storeOf(entities: Entities): ReturnType<typeof entityStore> {
  const store = STORES.get(entities) ?? entityStore(entities)
  STORES.set(entities, store)
  return store
}

/** Long integers as JSON text, which the official engine reads without loss. */
function exactPolicy(policy: PolicyJson): PolicyJson {
  return {
    ...policy,
    conditions: policy.conditions.map((condition) => ({ ...condition, body: exactExpression(condition.body) })),
  }
}

function exactExpression<Expression extends object>(expression: Expression): Expression {
  const exact: Expression = Object.create(null)
  return Object.assign(exact, toOfficial(expression))
}

function exactEntity<Entity extends { attrs: object; tags: object }>(one: Entity) {
  return { ...one, attrs: exactMembers(one.attrs), tags: exactMembers(one.tags) }
}

function exactMembers(members: object) {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, toOfficial(value)]))
}

test("the corners of test/core/policy are the official engine's", () => {
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
  "Value Var ! neg == != in < <= > >= && || + - * contains containsAll containsAny isEmpty . has like is if-then-else Set Record hasTag getTag link text".split(
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
