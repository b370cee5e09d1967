/** Every evaluation of a call's arguments draws from one meter, and a call that takes more than a call may is denied. */
import fc from "fast-check"
import { afterEach, describe, expect, inject, test, vi } from "vitest"
import type { ArgumentBound, ArgumentBounds, MeaningBound } from "../../../src/core/catalog/bounds/definition.ts"
import { violation } from "../../../src/core/catalog/bounds/bounds.ts"
import { UNSEEN_ARGUMENTS } from "../../../src/core/catalog/arguments.ts"
import { decide } from "../../../src/core/decision/decide.ts"
import { visibleTools } from "../../../src/core/decision/visible-tools.ts"
import { workOfCall } from "../../../src/core/decision/within-work.ts"
import { OutOfWork, Work, WORK_OF_CALL } from "../../../src/core/encoding/work.ts"
import { applyChange } from "../../../src/core/task/transition.ts"
import { window } from "../../harness/guardrails.ts"
import { askedFor, assembled, callOf, newState, open, opened, START, step } from "../../harness/trees.ts"

const yard = inject("yard")
const each = <Item>(count: number, itemOf: (nth: number) => Item): readonly Item[] =>
  Array.from({ length: count }, (_, nth) => itemOf(nth))

/** The most work that one evaluation draws at once: of a text as long as a body may be. */
const LARGEST_DRAW = 300_000

/** Distinct values of each kind, and a bound that they are within. */
const WITHIN: { readonly [Kind in keyof MeaningBound]-?: readonly [ArgumentBound, (nth: number) => unknown] } = {
  path: [{ path: ["/srv"] }, (nth) => `/srv/${nth}`],
  url: [{ url: { hosts: ["example.org"], path: "/v1" } }, (nth) => `https://example.org/v1/${nth}`],
  email: [{ email: ["example.org"] }, (nth) => `a${nth}@example.org`],
  cidr: [{ cidr: ["10.0.0.0/8"] }, (nth) => `10.0.${nth >> 8}.${nth & 255}`],
  quantity: [{ quantity: { max: "99999 EUR" } }, (nth) => `${nth} EUR`],
  date: [{ date: { to: "2030-01-01" } }, (nth) => `2026-01-01T00:00:00.${nth}Z`],
  schema: [{ schema: { items: { type: "string" } } }, (nth) => `a${nth}`],
}
const KINDS = Object.entries(WITHIN)

const spent = (bounds: readonly ArgumentBounds[], value: unknown): number => {
  const work = new Work(Infinity)
  expect(violation(bounds, { a: value }, { now: START, work })).toBeNull()
  return work.spent
}

describe("a bound", () => {
  test.each(KINDS)("of the kind %s draws for each value of a list", (_kind, [bound, valueOf]) => {
    const [some, more] = [spent([{ a: bound }], each(100, valueOf)), spent([{ a: bound }], each(200, valueOf))]
    expect(some).toBeGreaterThan(100 * 10)
    expect(more / some).toBeGreaterThan(1.8)
  })

  test.each(KINDS)("of the kind %s stops when the work is used up", (_kind, [bound, valueOf]) => {
    const work = new Work(1_000)
    const judged = () => violation([{ a: bound }], { a: each(200, valueOf) }, { now: START, work })
    expect(judged).toThrow(OutOfWork)
    expect(work.spent).toBeLessThan(2_000)
  })

  test.each<readonly [string, (count: number) => ArgumentBound, unknown]>([
    [
      "path",
      (count) => ({ path: [...each(count, (nth) => `/home/${nth}`), "/srv"] }),
      each(50, (nth) => `/srv/${nth}`),
    ],
    [
      "email",
      (count) => ({ email: [...each(count, (nth) => `${nth}.test`), "a.test"] }),
      each(50, (n) => `b${n}@a.test`),
    ],
    ["cidr", (count) => ({ cidr: [...each(count, (nth) => `10.${nth}.0.0/16`), "192.0.2.0/24"] }), ["192.0.2.1"]],
    ["in", (count) => ({ in: [...each(count, (nth) => `a${nth}`), "b"] }), "b"],
    ["like", (count) => ({ like: `${"*b".repeat(count)}*` }), "b".repeat(64)],
  ])("of the kind %s draws for what it allows", (_kind, boundOf, value) => {
    expect(spent([{ a: boundOf(60) }], value)).toBeGreaterThan(spent([{ a: boundOf(2) }], value) + 50)
  })
})

describe("64 directories and a list of 62 paths, 254 KB in all", () => {
  const directories = each(64, (nth) => `/srv/${"d".repeat(200)}${nth}`)
  const paths = each(62, (nth) => `/${"a1/".repeat(1_360)}${nth}`)
  afterEach(() => vi.restoreAllMocks())

  test("are compared within the work of a call", () => {
    const work = new Work()
    expect(violation([{ a: { path: directories } }], { a: paths }, { now: START, work })?.bound).toMatch(/outside$/)
  })

  test("are normalized once each, however many bounds and directories there are", () => {
    const bounds = each(4, (nth) => ({ a: { path: [...directories.slice(1), `/a1`], max_length: 100 + nth } }))
    expect(violation(bounds.slice(0, 1), { a: paths }, { now: START, work: new Work() })).toBeNull()
    const [split, fold] = [vi.spyOn(String.prototype, "split"), vi.spyOn(String.prototype, "toUpperCase")]
    const work = new Work()
    expect(violation(bounds, { a: paths }, { now: START, work })).toBeNull()
    expect(split.mock.calls.length + fold.mock.calls.length).toBeLessThanOrEqual(4 * directories.length)
    // What the first bound has read costs the others nothing but the comparison.
    expect(work.spent).toBeLessThan(1.5 * spent(bounds.slice(0, 1), paths))
  })
})

const literal = (value: string | number) => ({ Value: value })
const attr = (left: object, name: string) => ({ ".": { left, attr: name } })
const ARGUMENT = attr(attr({ Var: "context" }, "arguments"), "to")
const wildcards = (text: string) =>
  text.split("*").flatMap((part, nth) => [...(nth ? ["Wildcard"] : []), { Literal: part }])

type Condition = object
const like = (left: object, text: string): Condition => ({ like: { left, pattern: wildcards(text) } })
const contains = (value: object): Condition => ({ contains: { left: { Set: [literal("a"), value] }, right: value } })

/** A forbid of mail that holds if the condition does. */
const forbid = (id: string, condition: Condition, kind: "when" | "unless" = "when") => ({
  id,
  policy: {
    effect: "forbid",
    principal: { op: "All" },
    action: { op: "==", entity: { type: "Action", id: "write" } },
    resource: { op: "==", entity: { type: "Tool", id: "mail.send" } },
    conditions: [{ kind, body: condition }],
  },
  reads: ["to"],
})
const RULES = yard.rules.filter(({ id }) => id !== "mail-in-house")

function holding(more: Partial<typeof yard>, bounds: ArgumentBounds = {}) {
  const bundle = assembled({ ...yard, rules: RULES, ...more })
  const state = newState()
  const asked = askedFor({ scopes: ["mail.send:write", "files.list:read"], bounds })
  return { bundle, state, held: opened(open(bundle, state, "first", null, { asked })) }
}

/** Permits of a resource in Cedar's JSON, of which each decision on a call evaluates all. */
const permits = (count: number, conditions: readonly object[]) =>
  each(count, (nth) => {
    const { policy, ...rest } = forbid(`p${nth}`, {})
    return { ...rest, policy: { ...policy, effect: "permit", conditions }, reads: [] }
  })

describe("a rule", () => {
  const spentBy = (rules: ReturnType<typeof permits>): number => {
    const { bundle, state, held } = holding({ rules: [...RULES, ...rules] })
    const work = new Work()
    expect(decide(bundle, state, callOf(held, "mail.send", { to: "a" }), START, work).verdict.denial).toBeNull()
    return work.spent
  }
  const risk = (attribute: string) => ({
    kind: "when",
    body: { "<": { left: attr({ Var: "context" }, attribute), right: literal(101) } },
  })

  test("draws for each principal, also without conditions", () => {
    expect(spentBy(permits(110, [])) - spentBy(permits(10, []))).toBeGreaterThanOrEqual(100 * 2 * 3)
  })

  test("that errs draws what an exception takes", () => {
    const draws = (attribute: string): number => spentBy(permits(100, [risk(attribute)])) - spentBy([])
    expect(draws("no_such_fact") - draws("risk")).toBeGreaterThanOrEqual(100 * 2 * 20)
  })
})

/** As much as it takes for a call to be too much. */
const DATES = each(4_900, (nth) => `2026-01-01T00:00:00.${String(nth).padStart(4, "0")}Z`)
const SLOW: ArgumentBounds = { to: { date: { to: "2030-01-01" } } }
const LONG = `${"a".repeat(200_000)}b`

const TOO_MUCH: Readonly<Record<string, readonly [ReturnType<typeof holding>, unknown]>> = {
  "bounds of the grant": [holding({}, SLOW), DATES],
  "bounds of a guardrail": [
    holding({
      guardrails: [
        window(
          { id: "w", tools: ["mail.*"], per: "tree", limit: 9, seconds: 9 },
          { of: { tools: ["mail.*"], arguments: SLOW } },
        ),
      ],
    }),
    DATES,
  ],
  "named bounds": [
    holding({
      bounds: [{ name: "slow", arguments: SLOW }],
      rules: [
        ...RULES,
        { ...forbid("slow", attr(attr({ Var: "context" }, "bounds"), "slow"), "unless"), facts: ["bounds.slow"] },
      ],
    }),
    DATES,
  ],
  "patterns of forbids": [
    holding({ rules: [...RULES, ...each(8, (nth) => forbid(`r${nth}`, like(ARGUMENT, `*a${nth}a*`)))] }),
    LONG,
  ],
  "patterns of forbids that would hold": [
    holding({ rules: [...RULES, ...each(8, (nth) => forbid(`r${nth}`, like(ARGUMENT, `*${"a".repeat(nth + 1)}b`)))] }),
    LONG,
  ],
  "sets that a text is looked for in": [
    holding({
      rules: [
        ...RULES,
        ...each(12, (nth) =>
          forbid(`r${nth}`, { "&&": { left: contains(ARGUMENT), right: like(ARGUMENT, `x${nth}*`) } }),
        ),
      ],
    }),
    LONG,
  ],
  "guardrails without number": [
    holding({
      guardrails: each(10_000, (nth) =>
        window(
          { id: `w${nth}`, tools: ["mail.*"], per: "tree", limit: 9, seconds: 9 },
          { of: { tools: ["mail.*"], arguments: { to: { max_length: nth + 1_000_000 } } } },
        ),
      ),
    }),
    "a",
  ],
}

describe("a call whose evaluation takes more than a call may, by", () => {
  test.each(Object.entries(TOO_MUCH))("%s, is denied, and changes nothing", (_by, [{ bundle, state, held }, to]) => {
    const work = new Work()
    const { verdict, change } = decide(bundle, state, callOf(held, "mail.send", { to }), START, work)
    expect([verdict.denial, change]).toEqual([{ reason: "work_exhausted" }, null])
    expect(work.spent).toBeLessThan(WORK_OF_CALL + LARGEST_DRAW)
    // A smaller one is decided, unless it is the policies alone.
    const less = Array.isArray(to) ? to.slice(0, 9) : "b"
    const { denial } = decide(bundle, state, callOf(held, "mail.send", { to: less }), START).verdict
    expect(denial?.reason === "work_exhausted").toBe(to === "a")
  })

  test("bounds, counts against storms of denials, and where a gateway only observes, its labels are picked up", () => {
    const storm = {
      kind: "storm",
      topic: "storm",
      id: "s",
      of: { tools: ["*"] },
      per: "task",
      limit: 1,
      seconds: 60,
      consequence: "quarantine",
    } as const
    const { bundle, state, held } = holding({ guardrails: [storm] }, SLOW)
    const call = (mode: "observe" | "enforce") => callOf(held, "mail.send", { to: DATES }, { mode })
    const observed = decide(bundle, state, call("observe"), START)
    expect(observed.verdict.denial?.reason).toBe("work_exhausted")
    expect(observed.change?.labels).toEqual(bundle.catalog.tools.get("mail.send")?.labels)
    if (observed.change) applyChange(state, observed.change)
    expect([
      step(bundle, state, call("enforce")).denial?.reason,
      step(bundle, state, call("enforce")).denial?.reason,
    ]).toEqual(["work_exhausted", "work_exhausted"])
    expect(step(bundle, state, callOf(held, "files.list")).denial?.reason).toBe("task_ended")
  })

  test("the resources of a list hides those that are left", () => {
    const { bundle, state, held } = holding({}, { to: { url: { hosts: ["example.org"], path: "/v1" } } })
    const keys = each(4_000, (nth) => `r${nth}`)
    const known = Object.fromEntries(
      keys.map((key, nth) => [key, { tool: "mail.send", values: { to: `https://example.org/v1/${nth}` } }]),
    )
    const question = {
      ...callOf(held, "files.list"),
      list: "files.list",
      tools: keys,
      known,
      obtainable: [],
      argumentsSeen: true,
    }
    const { denial, hidden } = visibleTools(bundle, state, question, START)
    expect(denial).toBeNull()
    expect(hidden.has("r0")).toBe(false)
    expect(hidden.get("r3999")).toEqual({ reason: "work_exhausted" })
  })
})

describe("documented calls are within the work of a call, after what their size draws", () => {
  const bounded = (bound: ArgumentBound, to: readonly string[]): Work => {
    const work = workOfCall({ arguments: { complete: true, values: {} }, size: JSON.stringify({ to }).length + 40 })
    expect(violation([{ to: bound }], { to }, { now: START, work })).toBeNull()
    return work
  }

  test("60 paths of 4,000 characters in 64 directories", () => {
    const path = [...each(63, (nth) => `/home/${nth}`), "/srv"]
    const paths = each(60, (nth) => `/srv/${"a1/".repeat(1_330)}${nth}`)
    expect(bounded({ path }, paths).spent).toBeGreaterThan(60 * 4_000)
  })

  test("2,000 dates", () => {
    expect(bounded({ date: { to: "2030-01-01" } }, DATES.slice(0, 2_000)).spent).toBeGreaterThan(2_000 * 100)
  })

  test("a text of 100,000 characters in five rules with `like`", () => {
    const rules = [...RULES, ...each(5, (nth) => forbid(`r${nth}`, like(ARGUMENT, `*a${nth}a*`)))]
    const { bundle, state, held } = holding({ rules })
    const call = callOf(held, "mail.send", { to: "a".repeat(100_000) })
    const work = workOfCall({ ...call, size: 100_100 })
    expect(decide(bundle, state, call, START, work).verdict.denial).toBeNull()
    expect(work.spent).toBeGreaterThan(100_100 + 5 * 100_000)
  })

  test("a body of 1 MiB whose arguments are not read draws nothing", () => {
    expect(workOfCall({ arguments: UNSEEN_ARGUMENTS, size: 1_048_576 }).spent).toBe(0)
    expect(workOfCall({ arguments: { complete: true, values: {} }, size: 262_144 + 8_192 }).spent).toBeGreaterThan(0)
  })
})

describe("whatever the policies and the arguments", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc
      .tuple(fc.constantFrom("a", "a1/", "é/", "./", "x@", "10.0.0.1/", "[", "ſ"), fc.integer({ min: 1, max: 60_000 }))
      .map(([one, times]) => one.repeat(Math.min(times, 200_000 / one.length))),
    fc.constantFrom(...KINDS.map(([, [, valueOf]]) => String(valueOf(1)))),
  )
  const scalar = fc.oneof(text, fc.integer(), fc.boolean())
  const value = fc.oneof(
    scalar,
    fc
      .tuple(fc.constantFrom(...KINDS.map(([, [, valueOf]]) => valueOf)), fc.integer({ min: 1, max: 4_900 }))
      .map(([valueOf, count]) => each(count, valueOf)),
    fc.integer({ min: 1, max: 2_000 }).map((count) => Object.fromEntries(each(count, (nth) => [`k${nth}`, nth]))),
  )
  const pattern = fc
    .integer({ min: 1, max: 100 })
    .chain((times) => fc.constantFrom("a", "ab", "a1/").map((one) => `*${`${one}*`.repeat(times)}z`))
  const bound: fc.Arbitrary<ArgumentBound> = fc.oneof(
    fc.constantFrom(...KINDS.map(([, [each]]) => each)),
    fc.integer({ min: 1, max: 64 }).map((count) => ({ path: each(count, (nth) => `/${"d".repeat(180)}${nth}`) })),
    fc.integer({ min: 1, max: 64 }).map((count) => ({ cidr: each(count, (nth) => `2001:db8:${nth}::/48`) })),
    pattern.map((written) => ({ like: written })),
    fc.constant({ schema: { items: { anyOf: each(60, (nth) => ({ pattern: `(a|b){1,9}${nth}` })) } } }),
    fc.constant({ schema: { uniqueItems: true, properties: { k1: { const: 1 } } } }),
  )
  const condition = fc.oneof(
    pattern.map((written) => like(ARGUMENT, written)),
    fc.constant(contains(ARGUMENT)),
    fc.constant({ "==": { left: { Set: [ARGUMENT] }, right: { Set: [ARGUMENT, literal(1)] } } }),
  )

  test("a decision draws no more than a call may, and is a denial if it would", () => {
    const outcomes = new Set<string>()
    const check = (bounds: readonly ArgumentBound[], conditions: readonly Condition[], to: unknown): void => {
      const guardrails = bounds.map((each, nth) =>
        window(
          { id: `w${nth}`, tools: ["mail.*"], per: "tree", limit: 9, seconds: 9 },
          { of: { tools: ["mail.*"], arguments: { to: each } } },
        ),
      )
      const rules = [...RULES, ...conditions.map((each, nth) => forbid(`r${nth}`, each))]
      const { bundle, state, held } = holding({ guardrails, rules }, bounds[0] ? { to: bounds[0] } : {})
      const work = new Work()
      const { verdict, change } = decide(bundle, state, callOf(held, "mail.send", { to }), START, work)
      const reason = verdict.denial?.reason ?? "allowed"
      outcomes.add(reason)
      expect(work.spent).toBeLessThan(WORK_OF_CALL + LARGEST_DRAW)
      expect(reason === "work_exhausted").toBe(work.spent > WORK_OF_CALL)
      expect(change === null).toBe(verdict.denial !== null)
    }
    const all = [fc.array(bound, { maxLength: 12 }), fc.array(condition, { maxLength: 12 }), value] as const
    fc.assert(fc.property(...all, check), { seed: 20261203, numRuns: 150 })
    expect([...outcomes]).toEqual(expect.arrayContaining(["allowed", "work_exhausted", "argument_out_of_bounds"]))
  })
})
