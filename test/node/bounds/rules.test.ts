/** Rules that read named bounds: the official engine decides them as the Worker's does, but for a forbid that errs. */
import { isAuthorized } from "@cedar-policy/cedar-wasm/nodejs"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { lower } from "../../../cli/compiler/rules/lower.ts"
import type { ArgumentBounds } from "../../../src/core/catalog/bounds/definition.ts"
import { isDenied } from "../../../src/core/denials/denial.ts"
import { MeteredArguments, type CallArguments } from "../../../src/core/catalog/arguments.ts"
import { Work } from "../../../src/core/encoding/work.ts"
import { compileRules } from "../../../src/core/policy/cedar/engine.ts"
import { entityStore } from "../../../src/core/policy/cedar/entities.ts"
import { entity, record } from "../../../src/core/policy/cedar/values/value.ts"
import { boundFacts, namedBoundsFor } from "../../../src/core/policy/named-bounds.ts"

const SCHEMA = `
entity Agent; entity Tool;
type Call = { risk: Long, arguments: {}, bounds: { own: Bool, local: Bool, unread: Bool } };
action read, write appliesTo { principal: Agent, resource: Tool, context: Call };
`
const BOUNDS: ReadonlyMap<string, ArgumentBounds> = new Map([
  ["own", { to: { email: ["example.org"] } }],
  ["local", { file: { path: ["/srv"] }, source: { cidr: ["10.0.0.0/8"], optional: true } }],
  ["unread", { other: { eq: 1 } }],
])

/** By what they are, as docs/guides/policies.md says: within, outside, or nothing that can be judged. */
const TO = {
  true: ["a@example.org", ["b@example.org"]],
  false: ["a@evil.example", undefined],
  null: ["a", 7, [], null],
}
const FILE = { true: ["/srv/a"], false: ["/etc/a", undefined], null: ["/srv/../a", 1] }
const SOURCE = { true: ["10.1.1.1", undefined], false: ["11.1.1.1"], null: ["10.1", null] }
type Verdict = "true" | "false" | "null"

const pick = (all: Readonly<Record<Verdict, readonly unknown[]>>) =>
  fc
    .constantFrom<Verdict[]>("true", "false", "null")
    .chain((verdict) => fc.constantFrom(...all[verdict]).map((value) => ({ verdict, value })))

const OWN = "context.bounds.own"
const LOCAL = "context.bounds.local"
const condition = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(OWN, LOCAL, "context.risk > 5", "true"),
    tie("any").map((one) => `!(${one})`),
    fc.tuple(tie("any"), tie("any")).map(([one, other]) => `(${one} && ${other})`),
    fc.tuple(tie("any"), tie("any")).map(([one, other]) => `(${one} || ${other})`),
    fc.tuple(tie("any"), tie("any"), tie("any")).map((all) => `(if ${all[0]} then ${all[1]} else ${all[2]})`),
  ),
})).any
const rule = fc
  .tuple(fc.constantFrom("permit", "forbid"), fc.constantFrom("when", "unless"), condition)
  .map(([effect, kind, body]) => ({ effect, text: `${effect} (principal, action, resource) ${kind} { ${body} };` }))

const [action, resource] = [entity("Action", "write"), entity("Tool", "t")]
const STORE = entityStore([])

/** A conjunction of bounds: one that is broken suffices, one that cannot be judged leaves it open. */
const both = (one: Verdict, other: Verdict): Verdict => {
  if (one === "false" || other === "false") return "false"
  return one === "null" || other === "null" ? "null" : "true"
}

const metered = (args: CallArguments): MeteredArguments => new MeteredArguments(args, new Work())

test("a rule over named bounds decides as the official engine says of what the values are", () => {
  const seen = new Map<string, number>()
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 3 }),
      fc.tuple(pick(TO), pick(FILE), pick(SOURCE)),
      fc.integer({ min: 0, max: 10 }),
      (written, [to, file, source], risk) => {
        const text = written.map((each, nth) => `@id("r${nth}") ${each.text}`).join("\n")
        const { rules, problems } = lower([{ path: "a.cedar", text }], SCHEMA)
        expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
        const engine = compileRules(rules)
        const sent = Object.entries({ to: to.value, file: file.value, source: source.value })
        const values = Object.fromEntries(sent.filter(([, value]) => value !== undefined))
        const named = namedBoundsFor({ bounds: BOUNDS, engine }, action, resource, STORE)
        expect([...named.keys()].toSorted()).toEqual(["local", "own"].filter((name) => text.includes(`bounds.${name}`)))
        const facts = boundFacts(named, metered({ complete: true, values }), 0)
        if (facts && isDenied(facts)) throw new Error("they are complete")
        const context = record([["risk", BigInt(risk)], ...(facts ? [["bounds", facts] as const] : [])])
        const principal = entity("Agent", "a")
        const ours = engine.authorize({ principal, action, resource, context, work: new Work(Infinity) }, STORE)

        const verdicts = { own: to.verdict, local: both(file.verdict, source.verdict) }
        const known = Object.entries(verdicts).flatMap(([name, verdict]) =>
          verdict === "null" ? [] : [[name, verdict === "true"] as const],
        )
        const official = isAuthorized({
          principal: { type: "Agent", id: "a" },
          action: { type: "Action", id: "write" },
          resource: { type: "Tool", id: "t" },
          context: { risk, arguments: {}, bounds: Object.fromEntries(known) },
          policies: { staticPolicies: Object.fromEntries(written.map((each, nth) => [`r${nth}`, each.text])) },
          entities: [],
        })
        if (official.type === "failure") throw new Error(JSON.stringify(official.errors))
        const { decision, diagnostics } = official.response
        const erring = diagnostics.errors.map(({ policyId }) => policyId)
        const forbids = erring.filter((id) => written[Number(id.slice(1))]?.effect === "forbid")
        expect(ours.allowed, text).toBe(decision === "allow" && forbids.length === 0)
        expect(ours.erring).toEqual(erring.toSorted())
        for (const what of [ours.allowed ? "allowed" : "denied", erring.length > 0 ? "erring" : "sound"]) {
          seen.set(what, (seen.get(what) ?? 0) + 1)
        }
        // The decisions that seem possible before the arguments are known include the one that is made.
        if (ours.allowed) {
          const before = record([["risk", BigInt(risk)]])
          expect(
            engine.mayAllow({ principal, action, resource, context: before, work: new Work(Infinity) }, STORE).allowed,
            text,
          ).toBe(true)
        }
      },
    ),
    { seed: 20261129, numRuns: 400 },
  )
  for (const what of ["allowed", "denied", "erring", "sound"]) expect(seen.get(what) ?? 0, what).toBeGreaterThan(30)
})

describe("arguments that a named bound judges", () => {
  const engine = compileRules(
    lower([{ path: "a.cedar", text: `@id("r") permit (principal, action, resource) when { ${OWN} };` }], SCHEMA).rules,
  )
  const named = namedBoundsFor({ bounds: BOUNDS, engine }, action, resource, STORE)

  test("must be complete, and none may be spelled otherwise", () => {
    expect(boundFacts(named, metered({ complete: false, values: {} }), 0)).toMatchObject({
      denied: { reason: "arguments_unknown" },
    })
    expect(boundFacts(named, metered({ complete: true, values: { To: "a@example.org" } }), 0)).toMatchObject({
      denied: { reason: "argument_variant", argument: "To" },
    })
    expect(boundFacts(named, metered({ complete: true, values: { Other: 1 } }), 0)).toEqual(new Map([["own", false]]))
  })

  test("of a rule that reads none, nothing is judged", () => {
    const none = compileRules(
      lower([{ path: "a.cedar", text: '@id("r") permit (principal, action, resource);' }], SCHEMA).rules,
    )
    const read = namedBoundsFor({ bounds: BOUNDS, engine: none }, action, resource, STORE)
    expect(read.size).toBe(0)
    expect(boundFacts(read, metered({ complete: false, values: {} }), 0)).toBeNull()
  })
})
