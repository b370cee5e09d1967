import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { Work } from "../../../../src/core/encoding/work.ts"
import { type Engine, compileRules } from "../../../../src/core/policy/cedar/engine.ts"
import { entityStore, memberOf, overlay } from "../../../../src/core/policy/cedar/entities.ts"
import type { LoweredRule } from "../../../../src/core/policy/cedar/lowered.ts"
import { entity, record } from "../../../../src/core/policy/cedar/values/value.ts"
import * as arbitrary from "../arbitrary-policy.ts"
import { rulesInScope } from "../in-scope.ts"
import { unsliced } from "../unsliced.ts"

const SEED = { seed: 20261124, numRuns: 400 }
const ALL = { op: "All" }
const TRUE = { Value: true }
/** Errs on every request: no integer is a boolean. */
const ERRS = { Value: 1 }

const alice = entity("User", "alice")
const read = entity("Action", "read")
const tool = entity("Tool", "crm.get")
const request = { principal: alice, action: read, resource: tool, context: record([]), work: new Work(Infinity) }
const none = entityStore([])

function rule(id: string, effect: "permit" | "forbid", body: unknown = TRUE, scope: object = {}): LoweredRule {
  const conditions = [{ kind: "when", body }]
  return { id, policy: { effect, principal: ALL, action: ALL, resource: ALL, conditions, ...scope }, reads: [] }
}

const scenario = fc.tuple(
  arbitrary.policies.map(arbitrary.rulesOf),
  arbitrary.entities.map(entityStore),
  arbitrary.request,
)

describe("default deny", () => {
  test("without rules nothing is allowed", () => {
    expect(compileRules([]).authorize(request, none)).toEqual({ allowed: false, determining: [], erring: [] })
  })

  test("an allow names a permit that holds; without one there is none", () => {
    let allowed = 0
    fc.assert(
      fc.property(scenario, ([rules, entities, json]) => {
        const answer = compileRules(rules).authorize(arbitrary.requestOf(json), entities)
        const permits = rules.filter((one) => effectOf(one) === "permit")
        const alone = permits.filter(
          (one) => compileRules([one]).authorize(arbitrary.requestOf(json), entities).allowed,
        )
        if (alone.length === 0) expect(answer.allowed).toBe(false)
        if (!answer.allowed) return
        allowed += 1
        expect(answer.determining).toEqual(alone.map((one) => one.id).toSorted())
      }),
      SEED,
    )
    expect(allowed).toBeGreaterThan(20)
  })

  test("a permit that errs does not allow", () => {
    const answer = compileRules([rule("errs", "permit", ERRS)]).authorize(request, none)
    expect(answer).toEqual({ allowed: false, determining: [], erring: ["errs"] })
  })
})

describe("forbid trumps permit", () => {
  test("whatever the rules, one more forbid that holds denies", () => {
    fc.assert(
      fc.property(scenario, ([rules, entities, json]) => {
        const engine = compileRules([...rules, rule("permit", "permit"), rule("stop", "forbid")])
        const answer = engine.authorize(arbitrary.requestOf(json), entities)
        expect(answer.allowed).toBe(false)
        expect(answer.determining).toContain("stop")
        expect(answer.determining).not.toContain("permit")
      }),
      SEED,
    )
  })

  test("a forbid that does not hold stops nothing", () => {
    const engine = compileRules([rule("go", "permit"), rule("stop", "forbid", { Value: false })])
    expect(engine.authorize(request, none)).toEqual({ allowed: true, determining: ["go"], erring: [] })
  })
})

test("order of rules does not matter", () => {
  fc.assert(
    fc.property(
      scenario.chain(([rules, entities, json]) =>
        fc.tuple(
          fc.constant({ rules, entities, json }),
          fc.shuffledSubarray(rules, { minLength: rules.length, maxLength: rules.length }),
        ),
      ),
      ([{ rules, entities, json }, shuffled]) => {
        const answer = compileRules(rules).authorize(arbitrary.requestOf(json), entities)
        expect(compileRules(shuffled).authorize(arbitrary.requestOf(json), entities)).toEqual(answer)
      },
    ),
    SEED,
  )
})

describe("an erring forbid denies", () => {
  test("whatever the rules, and counts as determining and as erring", () => {
    fc.assert(
      fc.property(scenario, ([rules, entities, json]) => {
        const engine = compileRules([...rules, rule("permit", "permit"), rule("errs", "forbid", ERRS)])
        const answer = engine.authorize(arbitrary.requestOf(json), entities)
        expect(answer.allowed).toBe(false)
        expect(answer.determining).toContain("errs")
        expect(answer.erring).toContain("errs")
      }),
      SEED,
    )
  })

  test("but only where its scope matches", () => {
    const others = { principal: { op: "==", entity: { type: "User", id: "bob" } } }
    const engine = compileRules([rule("go", "permit"), rule("errs", "forbid", ERRS, others)])
    expect(engine.authorize(request, none)).toEqual({ allowed: true, determining: ["go"], erring: [] })
  })
})

describe("slices", () => {
  test("a decision is the same as without them", () => {
    const asked = fc.tuple(
      arbitrary.policies,
      fc.array(arbitrary.entities.map(entityStore), { minLength: 2, maxLength: 2 }),
      fc.array(arbitrary.request.map(arbitrary.requestOf), { minLength: 2, maxLength: 2 }),
    )
    let determined = 0
    fc.assert(
      fc.property(asked, ([policies, stores, requests]) => {
        const whole = Object.fromEntries(Object.entries(policies).map(([id, one]) => [id, unsliced(one)]))
        const [sliced, plain] = [policies, whole].map((all) => compileRules(arbitrary.rulesOf(all)))
        for (const entities of [...stores, ...stores]) {
          for (const one of requests) {
            const answer = sliced?.authorize(one, entities)
            expect(answer).toEqual(plain?.authorize(one, entities))
            determined += answer?.determining.length ?? 0
          }
        }
      }),
      SEED,
    )
    expect(determined).toBeGreaterThan(200)
  })

  const readers = { action: { op: "in", entity: { type: "Action", id: "readers" } } }
  const crm = { resource: { op: "in", entity: { type: "Server", id: "crm" } } }

  test("mayPermit is true wherever a request is allowed, and false without a permit in scope", () => {
    let allowed = 0
    fc.assert(
      fc.property(scenario, ([rules, entities, json]) => {
        const engine = compileRules(rules)
        const one = arbitrary.requestOf(json)
        const { allowed: allows, determining, erring } = engine.authorize(one, entities)
        if (allows) expect(engine.mayPermit(one.action, one.resource, entities)).toBe(true)
        if (allows) allowed += 1
        const inScope = rulesInScope(rules, one.action, one.resource, entities)
        const ids = inScope.map(({ id }) => id)
        for (const id of [...determining, ...erring]) expect(ids).toContain(id)
        const permits = inScope.some((each) => effectOf(each) === "permit")
        expect(engine.mayPermit(one.action, one.resource, entities)).toBe(permits)
        const reads = new Set(inScope.flatMap((each) => each.reads))
        expect(engine.readsFor(one.action, one.resource, entities)).toEqual(reads)
      }),
      SEED,
    )
    expect(allowed).toBeGreaterThan(20)
    const engine = compileRules([rule("stop", "forbid"), rule("go", "permit", TRUE, crm)])
    expect(engine.mayPermit(read, tool, none)).toBe(false)
  })

  test("what is read is known for a tool, of rules for any principal", () => {
    const bob = { principal: { op: "==", entity: { type: "User", id: "bob" } } }
    const engine = compileRules([
      { ...rule("a", "permit", TRUE, bob), reads: ["to", "from"] },
      { ...rule("b", "forbid", TRUE, readers), reads: ["*"] },
      {
        ...rule("c", "forbid", TRUE, { resource: { op: "==", entity: { type: "Tool", id: "crm.get" } } }),
        reads: ["id"],
      },
    ])
    expect(engine.readsFor(read, tool, none)).toEqual(new Set(["to", "from", "id"]))
    expect(engine.readsFor(read, entity("Tool", "other"), none)).toEqual(new Set(["to", "from"]))
  })

  test("a remembered slice does not outlive the membership that it was made for", () => {
    const engine = compileRules([rule("go", "permit", TRUE, { ...readers, ...crm })])
    const within = overlay(none, [
      memberOf([entity("Action", "readers")], read, record([]), none),
      memberOf([entity("Server", "crm")], tool, record([]), none),
    ])
    const elsewhere = overlay(within, [memberOf([entity("Server", "erp")], tool, record([]), none)])
    for (const [entities, allowed] of [
      [none, false],
      [within, true],
      [none, false],
      [elsewhere, false],
      [within, true],
    ] as const) {
      expect(engine.authorize(request, entities).allowed).toBe(allowed)
      expect(engine.mayPermit(read, tool, entities)).toBe(allowed)
    }
  })

  test("what is remembered is bounded, in resources, principals and lists of rules", () => {
    const many = Array.from({ length: 1000 }, (_, index) => rule(`r${String(index).padStart(3, "0")}`, "permit"))
    const ofTools = Array.from({ length: 1100 }, (_, index) =>
      rule(`t${index}`, "permit", TRUE, { resource: { op: "==", entity: { type: "Tool", id: `t${index}` } } }),
    )
    const cases: readonly (readonly [readonly LoweredRule[], (engine: Engine, index: number) => void, number])[] = [
      [[rule("go", "permit")], (engine, index) => engine.mayPermit(read, entity("Tool", `t${index}`), none), 50_000],
      [many, (engine, index) => engine.authorize({ ...request, principal: entity("User", `u${index}`) }, none), 1000],
      [
        [...many, ...ofTools],
        (engine, index) => engine.authorize({ ...request, resource: entity("Tool", `t${index}`) }, none),
        1000,
      ],
    ]
    for (const [rules, ask, limit] of cases) {
      const engine = compileRules(rules)
      const remembered = engine.readsFor(read, tool, none)
      for (let index = 0; index < limit / 2; index += 1) ask(engine, index)
      expect(engine.readsFor(read, tool, none)).toBe(remembered)
      for (let index = limit / 2; index < 1.05 * limit; index += 1) ask(engine, index)
      expect(engine.readsFor(read, tool, none)).not.toBe(remembered)
      expect(engine.readsFor(read, tool, none)).toEqual(remembered)
    }
  })

  test("more resources than are remembered are decided all the same", () => {
    const engine = compileRules([
      rule("go", "permit", TRUE, { resource: { op: "==", entity: { type: "Tool", id: "t5000" } } }),
    ])
    const ask = (number: number) => engine.mayPermit(read, entity("Tool", `t${number}`), none)
    for (let number = 0; number < 9000; number += 1) expect(ask(number)).toBe(number === 5000)
    expect(ask(5000)).toBe(true)
  })
})

test("a build meets every rule, a decision only its own", () => {
  const other = { resource: { op: "==", entity: { type: "Tool", id: "other" } } }
  const engine = compileRules([rule("go", "permit"), rule("broken", "forbid", { nope: [] }, other)])
  expect(engine.authorize(request, none).allowed).toBe(true)
  expect(() => engine.authorize({ ...request, resource: entity("Tool", "other") }, none)).toThrow(/nope/)
  expect(() => engine.compileAll()).toThrow(/nope/)
})

test("a defect is no erring rule: it goes up, and nothing is decided", () => {
  const defect = new Error("store out of order")
  const body = { ".": { left: { Value: { __entity: { type: "User", id: "x" } } }, attr: "a" } }
  const broken = {
    get: (key: string) => {
      if (key === entity("User", "x").key) throw defect
      return undefined
    },
  }
  expect(() => compileRules([rule("go", "permit", body)]).authorize(request, broken)).toThrow(defect)
})

test("rules are found by id, and an id that is there twice is refused", () => {
  const go = rule("go", "permit")
  expect(compileRules([go]).rule("go")).toMatchObject({ id: "go", policy: { effect: "permit" } })
  expect(compileRules([go]).rule("stop")).toBeUndefined()
  expect(() => compileRules([go, rule("go", "forbid")])).toThrow(/"go" is there twice/)
})

function effectOf(one: LoweredRule): unknown {
  return typeof one.policy === "object" && one.policy !== null && "effect" in one.policy ? one.policy.effect : undefined
}
