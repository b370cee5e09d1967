/**
 * What lints say of a rule is proven, not guessed: one that is told to be dead, never to hold, or to stand behind
 * another can be dropped, and every call is decided as before.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { expect, it } from "vitest"
import { compileFiles } from "../../../../cli/compiler/compile.ts"
import { rulesIn } from "../../../../cli/compiler/model/read-directory.ts"
import { splitRules } from "../../../../cli/compiler/rules/split-rules.ts"
import { Work } from "../../../../src/core/encoding/work.ts"
import { assemble } from "../../../../src/core/policy/assemble.ts"
import { encode } from "../../../../src/core/policy/encode.ts"
import { compileRules } from "../../../../src/core/policy/cedar/engine.ts"
import { memberOf, overlay } from "../../../../src/core/policy/cedar/entities.ts"
import { entity, record, set, type Value } from "../../../../src/core/policy/cedar/values/value.ts"
import { AGENT, one, rules } from "./arbitrary-rules.ts"

const EXAMPLE = join(import.meta.dirname, "../../../../policies")
const SHARED = ["schema.cedarschema", "issuers.yaml", "gateways.yaml", "operators.yaml"]

const tool = (name: string, action: string, sensitivity: string, more: string) =>
  `  - { name: ${name}, action: ${action}, sensitivity: ${sensitivity}, ${more}, route: { origin: "http://127.0.0.1:8080", methods: [GET], path: "/${name}" } }\n`
const CATALOG = `tools:
${tool("a.get", "read", "public", "labels: [l1], groups: [g1]")}${tool("a.put", "write", "internal", "groups: [g1]")}${tool("b.get", "read", "confidential", "labels: [l2], groups: [g2]")}${tool("b.run", "execute", "restricted", "groups: [g2]")}`
const agent = (name: string, groups: string) =>
  `  - { id: "spiffe://example.org/${name}", owner: ${name}, groups: [${groups}], purposes: [p1, p2], ceiling: { tools: ["a.*:read"], max_sensitivity: public } }\n`
const purpose = (name: string) =>
  `  - { name: ${name}, life: 60, grant: { tools: ["a.*:read"], max_sensitivity: public } }\n`
const AGENTS = `purposes:\n${purpose("p1")}${purpose("p2")}agents:\n${agent("x", "h1")}${agent("y", "h1, h2")}`
const ENTITIES = `[{ "uid": { "type": "UserGroup", "id": "u2" }, "parents": [{ "type": "UserGroup", "id": "u1" }] }]`

const TEXTS = new Map([
  ...SHARED.map((file) => [file, readFileSync(join(EXAMPLE, file), "utf8")] as const),
  ["catalog.yaml", CATALOG],
  ["agents.yaml", AGENTS],
  ["entities.json", ENTITIES],
])
TEXTS.set(
  "schema.cedarschema",
  TEXTS.get("schema.cedarschema")?.replace("entity UserGroup;", "entity UserGroup in [UserGroup];") ?? "",
)

const text = one("a", "b", "ab", "")
const argument = fc.oneof(text, fc.bigInt({ min: -1n, max: 4n }))
const request = fc.record({
  principal: one(AGENT, AGENT.replace("/x", "/y"), "u1", "u2", "none"),
  call: fc.constantFrom(["read", "a.get"], ["write", "a.put"], ["read", "b.get"], ["execute", "b.run"]),
  isDelegated: fc.boolean(),
  purpose: one("p1", "p2"),
  calls: fc.bigInt({ min: 0n, max: 4n }),
  depth: fc.bigInt({ min: 0n, max: 2n }),
  labels: fc.subarray(["l1", "l2"]),
  gateway: one("edge", "web", "forward"),
  bound: fc.boolean(),
  acr: fc.option(one("m", "n")),
  to: fc.option(argument),
  a: fc.option(argument),
})
type Request = typeof request extends fc.Arbitrary<infer Value> ? Value : never

function questionOf({ principal, call, isDelegated, ...facts }: Request) {
  const [action = "", name = ""] = call
  const isUser = !principal.startsWith("Agent")
  const agentRef = entity("Agent", `spiffe://example.org/${principal.includes("/y") ? "y" : "x"}`)
  const args = Object.entries({ to: facts.to, a: facts.a }).filter(
    (each): each is [string, string | bigint] => each[1] !== null,
  )
  const session: [string, Value][] = isUser ? [["session", record(facts.acr === null ? {} : { acr: facts.acr })]] : []
  const user: [string, Value][] = isUser ? [["user", entity("User", "i|u")]] : []
  const context = record([
    [
      "task",
      record({
        ...{ id: "t", purpose: facts.purpose, age: 1n, calls: facts.calls, tree_calls: facts.calls },
        ...{ depth: facts.depth, labels: set(facts.labels) },
      }),
    ],
    ["agent", agentRef],
    ["chain", set([agentRef])],
    ["bound_key", facts.bound],
    ["arguments", record(args)],
    ["env", record({ environment: "development", gateway: facts.gateway })],
    ...session,
    ...user,
  ])
  const delegated = record({ purpose: facts.purpose, agent: agentRef, approvals: set([]) })
  return {
    principal: isUser ? entity("User", "i|u") : agentRef,
    action: entity("Action", isDelegated ? "delegate" : action),
    resource: entity("Tool", name),
    context: isDelegated ? delegated : context,
  }
}

function compiled(all: readonly string[]) {
  const texts = new Map(TEXTS).set("r.cedar", all.map((each, index) => `@id("r${index}") ${each}`).join("\n"))
  return compileFiles({ texts, tables: new Map(), problems: [] })
}

/** Rules that restrict by a name that is not there are no part of a bundle. */
function withoutErrors(random: readonly string[]): readonly string[] {
  const errors = compiled(random).problems.filter(({ message }) => message.endsWith("so the rule does not hold"))
  const lines = new Set(errors.map(({ line }) => line))
  const all = random.filter((_rule, index) => !lines.has(index + 1))
  return all.length > 0 ? all : ["permit (principal, action, resource);"]
}

const ABOUT_RULES = ["dead-rule", "never-holds", "duplicate-rule", "covered-rule", "defeated-permit", "cedar"]
/** `npm run test:properties` does many more. */
const RUNS = Number(process.env["LINT_RUNS"] ?? 100)

it("a rule that is told to change nothing changes nothing", { timeout: Math.max(120_000, RUNS * 400) }, () => {
  const told = new Map<string, number>()
  fc.assert(
    fc.property(rules, fc.array(request, { minLength: 60, maxLength: 60 }), (random, requests) => {
      const all = withoutErrors(random)
      const { texts, body, problems } = compiled(all)
      if (!body) throw new Error(JSON.stringify([all, problems], null, 1))
      const [written] = rulesIn(texts)
      expect(splitRules(written?.text ?? "")).toHaveLength(body.rules.length)
      const { engine, entities } = assemble(encode(body), { seq: 1, digest: "" })
      for (const { lint = "", line, file } of problems) {
        if (file !== "r.cedar" || !ABOUT_RULES.includes(lint)) continue
        told.set(lint, (told.get(lint) ?? 0) + 1)
        const id = `r${line - 1}`
        const without = compileRules(body.rules.filter((each) => each.id !== id))
        for (const each of requests) {
          const question = questionOf(each)
          const groups = ["u1", "u2"].includes(each.principal) ? [entity("UserGroup", each.principal)] : []
          const user = memberOf(groups, entity("User", "i|u"), record({ issuer: "i", subject: "u" }), entities)
          const store = overlay(entities, [user])
          const [before, after] = [engine, without].map(
            (one) => one.authorize({ ...question, work: new Work(Infinity) }, store).allowed,
          )
          expect(after, `${lint}: ${all[line - 1]}\namong\n${all.join("\n")}`).toBe(before)
        }
      }
    }),
    { numRuns: RUNS, seed: Number(process.env["LINT_SEED"] ?? 20261125) },
  )
  // Where nothing is told, nothing is shown.
  for (const lint of ABOUT_RULES) expect(told.get(lint) ?? 0, lint).toBeGreaterThan(RUNS / 60)
})
