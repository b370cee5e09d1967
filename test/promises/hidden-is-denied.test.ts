/**
 * The two promises of a list of tools that was cut down: nothing is hidden by mistake, and nothing that is hopeless is
 * shown.
 */
import fc from "fast-check"
import { describe, expect, inject, test } from "vitest"
import { codeOf, type Denial } from "../../src/core/denials/denial.ts"
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import { UNSEEN_ARGUMENTS } from "../../src/core/catalog/arguments.ts"
import { decide } from "../../src/core/decision/decide.ts"
import { visibleTools } from "../../src/core/decision/visible-tools.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { actionRef, toolRef } from "../../src/core/policy/principals.ts"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import type { ArgumentBounds } from "../../src/core/catalog/bounds/definition.ts"
import { agentId } from "../harness/issuers.ts"
import { withServers } from "../harness/listings.ts"
import { longerBy, runsOf } from "../harness/runs.ts"
import { rulesInScope } from "../core/policy/in-scope.ts"
import {
  ALICE,
  askedFor,
  assembled,
  callOf,
  newState,
  open,
  snapshot,
  START,
  step,
  type Held,
} from "../harness/trees.ts"

const body = withServers(inject("yard"))

const context = (attr: string) => ({ ".": { left: { Var: "context" }, attr } })
const task = (attr: string) => ({ ".": { left: context("task"), attr } })
const argument = (attr: string) => ({ ".": { left: context("arguments"), attr } })
const equals = (left: unknown, value: unknown) => ({ "==": { left, right: { Value: value } } })
const has = (attr: string) => ({ has: { left: context("arguments"), attr } })
const labelled = (label: string) => ({ contains: { left: task("labels"), right: { Value: label } } })
const ATOMS: readonly unknown[] = [
  { Value: true },
  { Value: false },
  { ">": { left: task("tree_calls"), right: { Value: 1 } } },
  labelled("reads:confidential"),
  equals(task("depth"), 0),
  context("bound_key"),
  { ">=": { left: context("risk"), right: { Value: 50 } } },
  // Errs, whatever the arguments.
  { ">": { left: task("purpose"), right: { Value: 1 } } },
  has("to"),
  equals(argument("to"), "a"),
  { like: { left: argument("file"), pattern: ["Wildcard", { Literal: "b" }] } },
  { "==": { left: argument("size"), right: argument("to") } },
  { ">": { left: { "+": { left: task("tree_calls"), right: argument("size") } }, right: { Value: 1 } } },
]
const { condition } = fc.letrec<{ condition: unknown }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...ATOMS),
    fc.tuple(tie("condition"), tie("condition")).map(([left, right]) => ({ "&&": { left, right } })),
    fc.tuple(tie("condition"), tie("condition")).map(([left, right]) => ({ "||": { left, right } })),
    tie("condition").map((arg) => ({ "!": { arg } })),
    fc
      .tuple(tie("condition"), tie("condition"), tie("condition")) // oxlint-disable-next-line unicorn/no-thenable -- Cedar's own name of the branch, never awaited
      .map(([test, then, otherwise]) => ({ "if-then-else": { if: test, then, else: otherwise } })),
  ),
}))
const rule = fc.record({
  effect: fc.constantFrom("permit", "forbid", "forbid"),
  remedy: fc.constantFrom(undefined, undefined, "bound-key", "step-up:mfa"),
  resource: fc.constantFrom("Tool::files.read", "Tool::mail.send", "ToolGroup::open"),
  conditions: fc.array(fc.record({ kind: fc.constantFrom("when", "unless"), body: condition }), {
    minLength: 1,
    maxLength: 2,
  }),
})

/** In place of the yard's wide permits for users, half of the time: then a permit of its own is all that a tool has. */
function withRules(
  rules: readonly (typeof rule extends fc.Arbitrary<infer Value> ? Value : never)[],
  wide: boolean,
  raised: boolean,
) {
  const made = rules.map(({ effect, remedy, resource, conditions }, index): LoweredRule => {
    const [type = "", id = ""] = resource.split("::")
    const scope = type === "Tool" ? { op: "==", entity: { type, id } } : { op: "in", entity: { type, id } }
    const policy = { effect, principal: { op: "All" }, action: { op: "All" }, resource: scope, conditions }
    const made = { id: `made-${index}`, policy, reads: ["to", "file", "size"] }
    return remedy !== undefined && effect === "forbid" ? { ...made, remedy } : made
  })
  const kept = wide ? body.rules : body.rules.filter(({ id }) => id !== "staff")
  // The tree is opened by the yard's own rules: what a token may be for is another question.
  const tools = body.tools.map((tool) =>
    raised && tool.name === "files.read" ? { ...tool, sensitivity: "restricted" as const } : tool,
  )
  const all = [...kept, ...made]
  return { bundle: assembled({ ...body, tools, rules: all }), rules: all }
}

const yard = assembled(body)
const TOOLS = body.tools.filter((tool) => !isLifecycle(tool)).map(({ name }) => name)
const ARGUMENTS: readonly Readonly<Record<string, unknown>>[] = [
  {},
  ...["a", "b", "ab", "a@example.org"].flatMap((to) => [
    { to },
    { to, file: "b", size: 3 },
    { to, file: "ab", size: "b" },
    { to, size: to },
  ]),
  { to: 3, size: 3, file: 1 },
  { file: "a" },
  { file: "b" },
  { amount: 1 },
  { amount: 2 },
  { item: "x" },
]

/** What the agent can bring, with its user or by itself. */
const LIFTED: readonly Denial["reason"][] = ["step_up_required", "bound_key_required"]
/** What some other arguments, a login, a key or a moment later could lift. */
const OPEN: ReadonlySet<Denial["reason"]> = new Set(["argument_out_of_bounds", "window_full", ...LIFTED])

/** Whether the denial is for good, or until the facts change, whatever the arguments. */
function isFinal(denial: Denial, bundle: Bundle, rules: readonly LoweredRule[], tool: string): boolean {
  switch (denial.reason) {
    case "plan_left":
      return !denial.expected.some((pattern) => canLeadTo(pattern, tool))
    case "policy_forbids":
      return denial.rules.some(
        (id) => readsNothing(bundle.engine.rule(id)) && bundle.engine.rule(id)?.remedy === undefined,
      )
    case "policy_permits_nothing": {
      const found = bundle.catalog.tools.get(tool)
      const about = found ? rulesInScope(rules, actionRef(found.action), toolRef(tool), bundle.entities) : []
      return about.every(readsNothing)
    }
    default:
      return !OPEN.has(denial.reason)
  }
}

/** Read from the text of the rule. */
const readsNothing = (rule: LoweredRule | undefined): boolean => !JSON.stringify(rule?.policy).includes('"arguments"')

/** The yard has one plan with an order: two of `files`, then `desk.search`, then `mail.send`. */
const ORDER = ["files.list", "desk.search", "mail.send"]
const placeOf = (tool: string): number => ORDER.indexOf(tool === "files.read" ? "files.list" : tool)
const canLeadTo = (expected: string, tool: string): boolean =>
  placeOf(expected) >= 0 && placeOf(tool) >= placeOf(expected)

const bounds: fc.Arbitrary<ArgumentBounds> = fc.dictionary(
  fc.constantFrom("file", "to"),
  fc.oneof(
    fc.record({ eq: fc.constantFrom("a", "b") }),
    fc.record({ in: fc.subarray(["a", "b", 3], { minLength: 1 }) }),
    fc.record({ min: fc.integer({ min: 1, max: 4 }), max: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ like: fc.constantFrom("a*", "*b") }),
    fc.record({ max_length: fc.integer({ min: 0, max: 2 }) }),
  ),
  { maxKeys: 2 },
)
const level = fc.record({
  purpose: fc.constantFrom("work", "work", "errand", "in-order", "in-order", "any-order", "strict"),
  scopes: fc.option(
    fc.uniqueArray(fc.constantFrom("*:read", "*:write", "files.*:read", "files.read:read", "mail.send:write"), {
      minLength: 1,
    }),
  ),
  bounds: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: bounds }),
  calls: fc.option(fc.integer({ min: 1, max: 3 })),
})
const history = fc.oneof(
  fc.array(fc.constantFrom("files.list", "files.read", "vault.read", "desk.search"), { maxLength: 4 }),
  fc.constantFrom(["files.list", "desk.search"], ["files.list", "files.read", "desk.search"]),
)
const world = fc.record({
  levels: fc.array(level, { minLength: 1, maxLength: 3 }),
  history,
  rules: fc.array(rule, { maxLength: 3 }),
  wide: fc.boolean(),
  /** The catalog rates a tool higher than when the grant was made. */
  raised: fc.constantFrom(false, false, true),
  groups: fc.constantFrom(["staff"], ["staff", "juniors"]),
  environment: fc.constantFrom("test", "test", "live"),
  risk: fc.constantFrom(0, 49, 50),
  argumentsSeen: fc.constantFrom(true, true, false),
})
type World = typeof world extends fc.Arbitrary<infer Value> ? Value : never

const CHAIN = ["first", "second", "third"] as const

function grown({ levels, history, groups }: World) {
  const state = newState({ ...ALICE, groups })
  let held: Held | null = null
  for (const [depth, { purpose, scopes, bounds, calls }] of levels.entries()) {
    const asked = askedFor({ scopes, bounds: scopes ? bounds : {}, calls })
    const outcome = open(yard, state, CHAIN[depth] ?? "", held, { purpose, asked })
    if ("reason" in outcome) break
    held = outcome
  }
  if (held) for (const tool of history) step(yard, state, callOf(held, tool, { file: "a", to: "a" }))
  return { state, held }
}

/** `npm run test:properties` does many more. */
const numRuns = runsOf(500)

describe("a list that was cut down", () => {
  test("hides no tool by mistake, and shows none that is hopeless", { timeout: longerBy(60_000) }, () => {
    const seen = new Map<string, number>()
    fc.assert(
      fc.property(world, (made) => {
        const { state, held } = grown(made)
        if (!held) return
        const { bundle, rules } = withRules(made.rules, made.wide, made.raised)
        const { environment, argumentsSeen, risk: level } = made
        const signal = { level, at: START, halfLife: 60 }
        const risks = [{ kind: "agent" as const, name: agentId("first"), signal }]
        const before = snapshot(bundle, state, START)
        for (const tool of TOOLS) {
          const list = `${tool.split(".")[0]}.mcp.tools-list`
          const asked = { ...held, proof: null, gateway: "envoy", environment, risks }
          const whyHidden = (obtainable: readonly string[]) => {
            const query = { ...asked, list, tools: [tool], known: {}, obtainable, argumentsSeen }
            const { denial, hidden } = visibleTools(bundle, state, query, START)
            return denial ?? hidden.get(tool)
          }
          const why = whyHidden([])
          const whyNever = whyHidden([tool])
          // What can be obtained is shown beside what is granted, and not what something else than the grant denies.
          if (whyNever) expect(why).toBeDefined()
          else if (why) expect(codeOf(why)).toBe("insufficient_scope")
          const reason = why?.reason ?? "kept"
          seen.set(reason, (seen.get(reason) ?? 0) + 1)
          const denials = ARGUMENTS.map((values) => {
            const args = argumentsSeen ? { complete: true, values } : UNSEEN_ARGUMENTS
            return decide(bundle, state, callOf(held, tool, {}, { environment, risks, arguments: args }), START).verdict
              .denial
          })
          if (why) {
            expect(denials, `${tool} is hidden: ${reason}`).not.toContain(null)
            // Nor one that the call would tell how to come by.
            for (const lifted of LIFTED) expect(denials.map((each) => each?.reason)).not.toContain(lifted)
          }
          const final = denials.find((each) => each !== null && isFinal(each, bundle, rules, tool))
          if (final) expect(reason, `${tool} is shown, but: ${final.reason}`).not.toBe("kept")
        }
        expect(snapshot(bundle, state, START)).toEqual(before)
      }),
      { seed: 20261125, numRuns },
    )
    for (const reason of REASONS) expect(seen.get(reason) ?? 0, reason).toBeGreaterThan(numRuns / 200)
  })
})

/** Each is to have been met, or the test would say nothing about it. */
const REASONS = [
  "kept",
  "tool_not_granted",
  "sensitivity_exceeded",
  "environment_not_granted",
  "calls_exhausted",
  "plan_left",
  "argument_out_of_bounds",
  "arguments_unknown",
  "policy_forbids",
  "policy_permits_nothing",
  "task_ended",
]
