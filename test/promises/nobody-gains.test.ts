import fc from "fast-check"
import { describe, expect, inject, test } from "vitest"
import type { ArgumentBounds } from "../../src/core/catalog/bounds/definition.ts"
import { conjunctOf } from "../../src/core/catalog/bounds/bounds.ts"
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import { type Grant } from "../../src/core/task/grant.ts"
import { isOAuthFailure, type OAuthError } from "../../src/core/denials/oauth-error.ts"
import { renewRoot } from "../../src/core/task/renew.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import { applyOpening } from "../../src/core/task/transition.ts"
import { agentId } from "../harness/issuers.ts"
import { inDefinition, inScopes, meetsAll, sensitivityWithin } from "../harness/reference.ts"
import {
  ALICE,
  assembled,
  callOf,
  newState,
  open,
  opened,
  reasonOf,
  askedFor,
  scopes,
  START,
  type Held,
  type HeldFor,
} from "../harness/trees.ts"

const body = inject("yard")
const bundle = assembled()
const SEED = { seed: 20261125, numRuns: 500 }
const TOOLS = body.tools.filter((tool) => !isLifecycle(tool))

const scopeText = fc.constantFrom(
  "*:read",
  "*:write",
  "files.*:read",
  "files.*:write",
  "files.read:read",
  "files.list:read",
  "vault.*:read",
  "burst.*:read",
  "files.write:write",
  "mail.send:write",
  "*:execute",
)
const bounds: fc.Arbitrary<ArgumentBounds> = fc.dictionary(
  fc.constantFrom("file", "to", "size"),
  fc.oneof(
    fc.record({ eq: fc.constantFrom("a", "b", 1, true) }),
    fc.record({ in: fc.subarray(["a", "b", "c", 1], { minLength: 1 }) }),
    fc.record({ min: fc.integer({ min: -2, max: 2 }), max: fc.integer({ min: -2, max: 3 }) }),
    fc.record({ like: fc.constantFrom("a*", "*b", "*a*b*", "a", "*") }),
    fc.constant({}),
    fc.record({ max_length: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ path: fc.subarray(["/a", "/a/b", "c"], { minLength: 1 }) }),
    fc.record({ email: fc.subarray(["a.example", "b.example"], { minLength: 1 }) }),
    fc.record({ cidr: fc.subarray(["10.0.0.0/8", "192.0.0.0/8"], { minLength: 1 }) }),
    fc.record({ quantity: fc.record({ max: fc.constantFrom("1 EUR", "5 EUR") }) }),
    fc.record({
      date: fc.record({ from: fc.constantFrom("2026-01-01", "2026-06-01"), to: fc.constant("2026-12-31") }),
    }),
    fc.record({ url: fc.record({ hosts: fc.subarray(["a.example", "b.example"], { minLength: 1 }) }) }),
    fc.record({ like: fc.constantFrom("/a*", "*b"), path: fc.constant(["/a"]) }),
    fc.record({ eq: fc.constantFrom("a", "/a/b"), optional: fc.constant(true as const) }),
  ),
  { maxKeys: 2 },
)
const asking = fc
  .record({
    scopes: fc.option(fc.uniqueArray(scopeText, { minLength: 1, maxLength: 4 })),
    maxSensitivity: fc.option(fc.constantFrom("public", "internal", "confidential", "restricted")),
    bounds: fc.oneof(
      { weight: 4, arbitrary: fc.constant({}) },
      { weight: 2, arbitrary: bounds },
      { weight: 1, arbitrary: bounds.map((named) => conjunctOf({ arguments: named, closed: true })) },
    ),
    calls: fc.option(fc.integer({ min: 1, max: 4 })),
  })
  // Without tools of one's own there is nothing to say about them.
  .map((asked) => (asked.scopes ? asked : { ...asked, maxSensitivity: null, bounds: {} }))
type Asking = typeof asking extends fc.Arbitrary<infer Value> ? Value : never

const CHAIN = ["first", "second", "third", "fourth"] as const
const level = fc.record({ asking, purpose: fc.constantFrom("work", "work", "work", "errand") })
const values = fc.dictionary(
  fc.constantFrom("file", "to", "size", "other"),
  fc.oneof(
    fc.constantFrom("a", "b", "ab", "xaxb", "", "é"),
    fc.constantFrom("/a/b", "/a/b/c", "c/d", "x@a.example", "x@b.example", "10.1.1.1", "192.0.2.1", "1 EUR", "4 EUR"),
    fc.constantFrom("2026-01-01", "2026-07-01", "https://a.example/", "https://b.example/x"),
    fc.constantFrom([], ["/a/b", "/a/c"], ["/a/b", "c"], ["x@a.example", "y@b.example"]),
    fc.integer({ min: -3, max: 4 }),
    fc.boolean(),
    fc.constant([1]),
  ),
)

/** What one level takes by itself, read from the definitions and the request, not from any grant. */
function limitOf(agent: string, purpose: string, { scopes: texts, maxSensitivity, bounds, calls }: Asking) {
  const registered = body.agents.find(({ id }) => id === agentId(agent))
  const kind = body.purposes.find(({ name }) => name === purpose)
  if (!registered || !kind) throw new Error("unknown in the yard")
  return {
    covers: (tool: (typeof TOOLS)[number]) =>
      inDefinition(registered.ceiling, tool) &&
      inDefinition(kind.grant, tool) &&
      inScopes(texts ?? kind.default ?? kind.grant.tools, tool) &&
      sensitivityWithin(tool, maxSensitivity ?? "restricted"),
    bounds: [registered.ceiling.arguments, kind.grant.arguments, bounds],
    environments: kind.grant.environments ?? null,
    calls: Math.min(calls ?? Infinity, kind.grant.calls ?? Infinity),
  }
}

function refreshed(state: TreeState, audience: string, at: number, scope: string | null = null): HeldFor | OAuthError {
  const by = { agent: agentId("first"), audience, jkt: null, token: `refreshed-${at}`, scope }
  const renewed = renewRoot(bundle, state, by, START)
  if (isOAuthFailure(renewed)) return renewed.refused
  applyOpening(state, renewed.opening, START)
  return { task: renewed.task.id, token: by.token, audience: renewed.audience }
}

describe("nobody in the chain gains", () => {
  test("three hops down, a call passes only if every level by itself covers it", () => {
    let deepAllowed = 0
    fc.assert(
      fc.property(
        fc.array(level, { minLength: 2, maxLength: 4 }),
        values,
        fc.constantFrom("test", "live"),
        (levels, args, environment) => {
          const state = newState()
          const limits: ReturnType<typeof limitOf>[] = []
          let held: Held | null = null
          for (const [depth, { asking, purpose }] of levels.entries()) {
            const agent = CHAIN[depth] ?? ""
            const outcome: Held | OAuthError = open(bundle, state, agent, held, { purpose, asked: askedFor(asking) })
            if ("reason" in outcome) break
            held = outcome
            limits.push(limitOf(agent, purpose, asking))
          }
          if (!held) return
          for (const tool of TOOLS) {
            const call = callOf(held, tool.name, args, { environment })
            if (reasonOf(bundle, state, call) !== "allowed") continue
            if (limits.length > 2) deepAllowed += 1
            for (const { covers, bounds, environments } of limits) {
              expect(covers(tool)).toBe(true)
              expect(meetsAll(bounds, args)).toBe(true)
              expect(environments?.includes(environment) ?? true).toBe(true)
            }
          }
          for (const task of state.tasks.values()) {
            expect(task.calls).toBeLessThanOrEqual(
              Math.min(...limits.slice(0, task.id.split(".").length).map(({ calls }) => calls)),
            )
          }
        },
      ),
      SEED,
    )
    expect(deepAllowed).toBeGreaterThan(20)
  })

  test("a token of a narrower scope opens that part of its task, and neither do a child or a renewal open more", () => {
    let [narrower, wider] = [0, 0]
    const texts = fc.uniqueArray(scopeText, { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(level, texts, ({ asking, purpose }, scopes) => {
        const state = newState()
        const root: Held | OAuthError = open(bundle, state, "first", null, { purpose, asked: askedFor(asking) })
        if ("reason" in root) return
        const held = refreshed(state, "", 0, scopes.join(" "))
        const has = (by: Held, name: string): boolean =>
          reasonOf(bundle, state, callOf(by, name, {}, { environment: "test" })) !== "tool_not_granted"
        const requested = new Set(TOOLS.filter((tool) => inScopes(scopes, tool)))
        if ("reason" in held) {
          wider += 1
          expect(held.reason).toBe("scope_wider")
          const isMore = (text: string): boolean => {
            const named = TOOLS.filter((tool) => inScopes([text], tool))
            return named.length === 0 || named.some(({ name }) => !has(root, name))
          }
          expect(scopes.some(isMore)).toBe(true)
          return
        }
        narrower += 1
        const child: Held | OAuthError = open(bundle, state, "second", held, {})
        const renewed = opened(open(bundle, state, "first", held, {}))
        for (const tool of TOOLS) {
          const isOpen = requested.has(tool) && has(root, tool.name)
          expect(has(held, tool.name)).toBe(isOpen)
          expect(has(renewed, tool.name)).toBe(isOpen)
          if (!("reason" in child) && !isOpen) expect(has(child, tool.name)).toBe(false)
        }
      }),
      SEED,
    )
    expect(narrower).toBeGreaterThan(10)
    expect(wider).toBeGreaterThan(10)
  })

  test("argument bounds only ever add up", () => {
    let allowed = 0
    fc.assert(
      fc.property(fc.tuple(bounds, bounds, bounds), values, ([one, two, three], args) => {
        const state = newState()
        const root = opened(
          open(bundle, state, "first", null, {
            purpose: "work",
            asked: askedFor({ scopes: ["files.*:read"], bounds: one }),
          }),
        )
        const child = opened(
          open(bundle, state, "second", root, {
            purpose: "work",
            asked: askedFor({ scopes: ["files.*:read"], bounds: two }),
          }),
        )
        const last = opened(
          open(bundle, state, "third", child, { asked: askedFor({ scopes: ["files.*:read"], bounds: three }) }),
        )
        const isAllowed = (held: Held): boolean =>
          reasonOf(bundle, state, callOf(held, "files.read", args)) === "allowed"
        expect(isAllowed(root)).toBe(meetsAll([one], args))
        expect(isAllowed(child)).toBe(meetsAll([one, two], args))
        expect(isAllowed(last)).toBe(meetsAll([one, two, three], args))
        if (meetsAll([one, two, three], args)) allowed += 1
      }),
      SEED,
    )
    expect(allowed).toBeGreaterThan(10)
  })

  test("a child's life and that of its token never pass its parent's, the session's, nor the agent's", () => {
    const times = fc.tuple(fc.integer({ min: 1, max: 900_000 }), fc.integer({ min: 0, max: 500_000 }))
    fc.assert(
      fc.property(times, fc.constantFrom("work", "errand"), ([session, later], purpose) => {
        const state = newState()
        const root = opened(open(bundle, state, "first", null, { sessionExpiresAt: START + session }))
        const child = open(bundle, state, "second", root, { purpose }, START + later)
        const parent = state.tasks.get(root.task)
        expect(parent?.expiresAt).toBe(START + Math.min(session, 600_000))
        expect(state.tokens.get(root.token)?.expiresAt ?? 0).toBeLessThanOrEqual(START + Math.min(session, 300_000))
        if ("reason" in child) {
          expect(later).toBeGreaterThanOrEqual(Math.min(session, 300_000))
          return
        }
        const life = purpose === "work" ? 600_000 : 120_000
        expect(state.tasks.get(child.task)?.expiresAt).toBe(START + Math.min(session, 600_000, later + life))
        const token = state.tokens.get(child.token)?.expiresAt ?? Infinity
        expect(token).toBe(Math.min(state.tasks.get(child.task)?.expiresAt ?? 0, START + later + 300_000))
      }),
      SEED,
    )
  })

  test("the audience of each token of a tree is the one that its root was opened for, by whatever it is asked for", () => {
    const audience = fc.constantFrom("https://one.test/", "https://two.test/")
    const asking = fc.record({ way: fc.constantFrom("renew", "delegate", "join", "refresh"), of: fc.nat(), audience })
    const seen = { issued: 0, refused: 0 }
    fc.assert(
      fc.property(audience, fc.array(asking, { minLength: 1, maxLength: 12 }), (consented, asks) => {
        const state = newState()
        const known: Held[] = [opened(open(bundle, state, "first", null, { audience: consented }))]
        for (const [at, { way, of, audience }] of asks.entries()) {
          const held = known[of % known.length] ?? { task: "", token: "" }
          const agent = CHAIN[held.task.split(".").length - 1] ?? ""
          const below = CHAIN[held.task.split(".").length] ?? agent
          const user = { ...ALICE, auth_time: at + 1 }
          const tokens = state.tokens.size
          const outcome: HeldFor | OAuthError = {
            renew: () => open(bundle, state, agent, held, { audience }),
            delegate: () => open(bundle, state, below, held, { audience }),
            join: () => open(bundle, state, agent, null, { audience, task: held.task, user }),
            refresh: () => refreshed(state, audience, at),
          }[way]()
          const isWithin = audience === consented
          if ("reason" in outcome) {
            expect(outcome.reason === "audience_differs").toBe(!isWithin)
            expect(state.tokens.size).toBe(tokens)
            seen.refused += 1
          } else {
            expect(isWithin).toBe(true)
            expect(outcome.audience).toBe(consented)
            known.push(outcome)
            seen.issued += 1
          }
        }
        for (const { audiences } of state.tasks.values()) expect(audiences).toEqual([consented])
      }),
      SEED,
    )
    expect(Math.min(seen.issued, seen.refused)).toBeGreaterThan(500)
  })

  test("depth and delegates are each giver's own word", () => {
    const state = newState()
    const root = opened(open(bundle, state, "first"))
    const second = opened(open(bundle, state, "second", root))
    const third = opened(open(bundle, state, "third", second))
    // `third` names `fourth` and allows one level, but for `second` two are the most below its own.
    const fourth = opened(open(bundle, state, "fourth", third))
    expect(open(bundle, state, "first", fourth)).toMatchObject({
      reason: "too_deep",
      agent: agentId("third"),
      depth: 1,
    })
    expect(open(bundle, state, "third", root)).toMatchObject({ reason: "delegation_not_allowed" })
    expect(open(bundle, state, "fourth", second)).toMatchObject({ reason: "delegation_not_allowed" })
  })

  test("a child that somehow had more than its parent has no more than its parent: each grant up the tree is asked", () => {
    const limits: Readonly<Record<string, Partial<Grant>>> = {
      tool_not_granted: { tools: {} },
      sensitivity_exceeded: { tools: { "files.read": { action: "read", maxSensitivity: "public", bounds: [] } } },
      environment_not_granted: { environments: ["live"] },
      argument_out_of_bounds: {
        tools: { "files.read": { action: "read", maxSensitivity: "restricted", bounds: [{ file: { eq: "b" } }] } },
      },
      calls_exhausted: { calls: 0 },
    }
    for (const [reason, limit] of Object.entries(limits)) {
      for (const above of [0, 1]) {
        const state = newState()
        const line = [opened(open(bundle, state, "first"))]
        for (const agent of ["second", "third"]) line.push(opened(open(bundle, state, agent, line.at(-1) ?? null)))
        const last = line.at(-1) ?? { task: "", token: "" }
        const call = callOf(last, "files.read", { file: "a" })
        expect(reasonOf(bundle, state, call)).toBe("allowed")
        const task = state.tasks.get(line[above]?.task ?? "")
        if (task) state.tasks.set(task.id, { ...task, grant: { ...task.grant, ...limit } })
        expect(reasonOf(bundle, state, call), `${reason} ${above}`).toBe(reason)
      }
    }
  })

  test("a child that somehow outlived its parent, by its end or its expiry, is ended", () => {
    for (const change of [{ status: "completed" as const }, { status: "revoked" as const }, { expiresAt: START }]) {
      const state = newState()
      const root = opened(open(bundle, state, "first"))
      const child = opened(open(bundle, state, "third", opened(open(bundle, state, "second", root))))
      expect(reasonOf(bundle, state, callOf(child, "files.read"))).toBe("allowed")
      const task = state.tasks.get(root.task)
      if (task) state.tasks.set(task.id, { ...task, ...change })
      expect(reasonOf(bundle, state, callOf(child, "files.read"))).toBe("task_ended")
      expect(open(bundle, state, "fourth", child)).toMatchObject({ reason: "parent_ended" })
    }
  })

  test("calls below count against everyone above", () => {
    const state = newState()
    const root = opened(open(bundle, state, "first", null, { asked: { ...scopes("files.*:read"), calls: 4 } }))
    const child = opened(open(bundle, state, "second", root, { asked: { ...scopes("files.*:read"), calls: 2 } }))
    const other = opened(open(bundle, state, "second", root, { asked: { ...scopes("files.*:read"), calls: 9 } }))
    const ask = (held: Held): string => reasonOf(bundle, state, callOf(held, "files.list"))
    expect([ask(child), ask(child), ask(child)]).toEqual(["allowed", "allowed", "calls_exhausted"])
    expect([ask(other), ask(root), ask(other), ask(root)]).toEqual([
      "allowed",
      "allowed",
      "calls_exhausted",
      "calls_exhausted",
    ])
  })
})
