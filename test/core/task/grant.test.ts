import fc from "fast-check"
import { describe, expect, inject, test } from "vitest"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { isLifecycle } from "../../../src/core/catalog/lifecycle.ts"
import { NOTHING_REQUESTED, coversTool, type RequestedGrant, type Grant } from "../../../src/core/task/grant.ts"
import type { GrantDefinition } from "../../../src/core/policy/definition/grant.ts"
import { narrow as narrowBy } from "../../../src/core/task/narrow.ts"
import { askedFor } from "../../harness/trees.ts"
import { inDefinition, inScopes, sensitivityWithin } from "../../harness/reference.ts"

const { tools } = inject("yard")
/** By caps that have names, so that who lacks something can be told. */
const narrow = (
  catalog: Iterable<Tool>,
  asked: RequestedGrant,
  purpose: { readonly grant: GrantDefinition },
  ceiling: GrantDefinition,
  parent: Grant | null,
  permits: (tool: Tool) => boolean,
): ReturnType<typeof narrowBy> =>
  narrowBy(catalog, asked, {
    purpose: { name: "a purpose", ...purpose },
    agent: { id: "an agent", ceiling },
    parent: parent && { agent: "a parent", grant: parent, inDetails: false, redact: [] },
    assertion: [],
    policy: { principal: "a user", permits },
  })
const real = tools.filter((tool) => !isLifecycle(tool))

const scope = fc.constantFrom(
  "*:read",
  "*:write",
  "files.*:read",
  "files.read:read",
  "desk.*:read",
  "desk.pay:write",
  "vault.*:read",
  "mail.send:write",
)
const sensitivity = fc.constantFrom(
  "public" as const,
  "internal" as const,
  "confidential" as const,
  "restricted" as const,
)
const definition: fc.Arbitrary<GrantDefinition> = fc
  .record({
    tools: fc.uniqueArray(scope, { minLength: 1, maxLength: 4 }),
    max_sensitivity: sensitivity,
    environments: fc.option(fc.uniqueArray(fc.constantFrom("test", "live", "stage"), { minLength: 1 }), {
      nil: undefined,
    }),
    calls: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  })
  .map(({ environments, calls, ...more }) =>
    Object.assign({ arguments: {} }, more, environments && { environments }, calls !== undefined && { calls }),
  )
const asking = fc
  .record({
    texts: fc.option(fc.uniqueArray(scope, { minLength: 1, maxLength: 3 })),
    maxSensitivity: fc.option(sensitivity),
    calls: fc.option(fc.integer({ min: 1, max: 9 })),
  })
  // Without tools of one's own there is nothing to say about them.
  .map((asked) => ({ ...asked, maxSensitivity: asked.texts && asked.maxSensitivity }))

const isSubset = (inner: readonly string[] | null, outer: readonly string[] | null): boolean =>
  outer === null || (inner !== null && inner.every((each) => outer.includes(each)))

describe("narrow", () => {
  test("grants exactly what purpose, ceiling, request, parent and policy all cover", () => {
    const permitted = fc.subarray(real.map(({ name }) => name))
    let granted = 0
    fc.assert(
      fc.property(definition, definition, asking, definition, permitted, (purpose, ceiling, asked, above, names) => {
        const parentOutcome = narrow(tools, NOTHING_REQUESTED, { grant: above }, above, null, () => true)
        const parent: Grant | null = "grant" in parentOutcome ? parentOutcome.grant : null
        const asks = { ...askedFor({ ...asked, scopes: asked.texts }), inDetails: true }
        const outcome = narrow(tools, asks, { grant: purpose }, ceiling, parent, ({ name }) => names.includes(name))
        const expected = real.filter(
          (tool) =>
            inDefinition(purpose, tool) &&
            inDefinition(ceiling, tool) &&
            inScopes(asked.texts ?? purpose.tools, tool) &&
            sensitivityWithin(tool, asked.maxSensitivity ?? "restricted") &&
            (parent === null || inDefinition(above, tool)) &&
            names.includes(tool.name),
        )
        if (!("grant" in outcome)) {
          expect(expected).toEqual([])
          return
        }
        granted += 1
        const { grant, scope: text, details } = outcome
        const own = Object.keys(grant.tools).filter((name) => real.some((tool) => tool.name === name))
        expect(own.toSorted()).toEqual(expected.map(({ name }) => name).toSorted())
        // The token's scope says it all: nothing is granted that it does not name (the edge denies early by it) ...
        for (const tool of expected) expect(inScopes(text.split(" "), tool)).toBe(true)
        // ... and nothing more than was granted, as long as the catalog stays as it is.
        for (const tool of real) expect(inScopes(text.split(" "), tool)).toBe(expected.includes(tool))
        // So do its details, whose objects mean each of their tools with each of their actions.
        const detailed = (details ?? []).flatMap(({ tools: patterns, actions }) =>
          patterns.flatMap((pattern) => actions.map((action) => `${pattern}:${action}`)),
        )
        for (const tool of real) expect(inScopes(detailed, tool)).toBe(expected.includes(tool))
        const limits = [purpose.calls, ceiling.calls, asked.calls, parent?.calls].filter(
          (each) => typeof each === "number",
        )
        expect(grant.calls).toBe(limits.length === 0 ? null : Math.min(...limits))
        for (const outer of [
          purpose.environments ?? null,
          ceiling.environments ?? null,
          parent?.environments ?? null,
        ]) {
          expect(isSubset(grant.environments, outer)).toBe(true)
        }
      }),
      { seed: 20261125, numRuns: 1_200 },
    )
    expect(granted).toBeGreaterThan(100)
  })

  test("a tool that is added later, or gets another action or sensitivity, is not in it", () => {
    const grant = { tools: ["*:read"], max_sensitivity: "internal" as const, arguments: {} }
    const outcome = narrow(tools, NOTHING_REQUESTED, { grant }, grant, null, () => true)
    if (!("grant" in outcome)) throw new Error("nothing left")
    const list = real.find(({ name }) => name === "files.list")
    if (!list) throw new Error("no files.list")
    const covers = (changes: Partial<Tool>): boolean => coversTool(outcome.grant, { ...list, ...changes })
    expect(covers({})).toBe(true)
    expect(covers({ name: "files.later" })).toBe(false)
    expect(covers({ action: "write" })).toBe(false)
    expect(covers({ sensitivity: "confidential" })).toBe(false)
    expect(covers({ name: "constructor" })).toBe(false)
  })

  test("what lacks is told tool by tool, with the first cap that lacked it", () => {
    const all = { tools: ["*:read", "*:write"], max_sensitivity: "restricted" as const, arguments: {} }
    const files = { ...all, tools: ["files.*:read"] }
    const asked = askedFor({ scopes: ["vault.*:read"] })
    expect(narrow(tools, asked, { grant: files }, all, null, () => true)).toMatchObject({
      lacking: { "vault.read": { cap: "purpose", of: "a purpose" } },
    })
    expect(narrow(tools, asked, { grant: all }, files, null, () => true)).toMatchObject({
      lacking: { "vault.read": { cap: "agent", of: "an agent" } },
    })
    expect(narrow(tools, asked, { grant: all }, all, null, () => false)).toMatchObject({
      lacking: { "vault.read": { cap: "policy", of: "a user" } },
    })
    const internal = { ...all, max_sensitivity: "internal" as const }
    expect(narrow(tools, asked, { grant: all }, internal, null, () => true)).toMatchObject({
      lacking: { "vault.read": { cap: "agent", of: "an agent" } },
    })
  })

  test("an assertion caps what may be had: tools, bounds, sensitivity and calls, each of its parts", () => {
    const all = { tools: ["*:read"], max_sensitivity: "restricted" as const, arguments: {} }
    const ask = (asked: RequestedGrant, ...assertion: readonly RequestedGrant[]) =>
      narrowBy(tools, asked, {
        purpose: { name: "a purpose", grant: all },
        agent: { id: "an agent", ceiling: all },
        parent: null,
        assertion,
        policy: { principal: "a user", permits: () => true },
      })
    const files = askedFor({ scopes: ["files.*:read"], bounds: { file: { like: "a*" } }, calls: 3 })
    const internal = askedFor({ scopes: ["*:read"], maxSensitivity: "internal" })
    const outcome = ask(askedFor({ scopes: ["*:read"], bounds: { file: { eq: "ab" } }, calls: 9 }), files, internal)
    if (!("grant" in outcome)) throw new Error("nothing left")
    const { grant } = outcome
    const names = Object.keys(grant.tools).filter((name) => real.some((tool) => tool.name === name))
    expect(names.filter((name) => !name.startsWith("files."))).toEqual([])
    expect(grant.tools["files.read"]).toEqual({
      action: "read",
      maxSensitivity: "internal",
      bounds: [{ file: { eq: "ab" } }, { file: { like: "a*" } }],
    })
    expect(grant.calls).toBe(3)
    expect(ask(askedFor({ scopes: ["vault.read:read"] }), files)).toMatchObject({
      lacking: { "vault.read": { cap: "assertion" } },
    })
    // Nor is it told that it has what is too sensitive for it.
    expect(ask(askedFor({ scopes: ["vault.read:read"] }), internal)).toMatchObject({
      lacking: { "vault.read": { cap: "assertion" } },
    })
    expect(ask(askedFor({ scopes: ["files.read:read", "vault.read:read"] }), internal)).toMatchObject({
      scope: "files.read:read",
    })
    expect(ask(NOTHING_REQUESTED, { parts: [], inDetails: false, calls: null })).toHaveProperty("lacking")
  })

  test("who gets nothing is told what could be had", () => {
    const all = { tools: ["*:read"], max_sensitivity: "restricted" as const, arguments: {} }
    const some = { ...all, tools: ["files.*:read"] }
    const outcome = narrow(tools, askedFor({ scopes: ["vault.*:read"] }), { grant: some }, all, null, () => true)
    const files = real.filter(({ name, action }) => name.startsWith("files.") && action === "read")
    expect(outcome).toMatchObject({
      asked: ["vault.*:read"],
      available: files.map(({ name }) => `${name}:read`),
    })
  })

  test("each part that is asked for has bounds and a sensitivity of its own, and no two are about one tool", () => {
    const all = { tools: ["*:read"], max_sensitivity: "restricted" as const, arguments: {} }
    const part = (pattern: string, file: string, maxSensitivity: "internal" | "restricted") => {
      return { scopes: [{ pattern, action: "read" as const }], maxSensitivity, bounds: { file: { eq: file } } }
    }
    const ask = (...parts: ReturnType<typeof part>[]) =>
      narrow(tools, { parts, inDetails: true, calls: null }, { grant: all }, all, null, () => true)
    const both = ask(part("files.read", "a", "internal"), part("vault.read", "b", "restricted"))
    expect(both).toMatchObject({
      grant: {
        tools: {
          "files.read": { maxSensitivity: "internal", bounds: [{ file: { eq: "a" } }] },
          "vault.read": { maxSensitivity: "restricted", bounds: [{ file: { eq: "b" } }] },
        },
      },
      details: [
        { tools: ["files.read"], actions: ["read"], max_sensitivity: "internal", arguments: { file: { eq: "a" } } },
        { tools: ["vault.read"], actions: ["read"], max_sensitivity: "restricted", arguments: { file: { eq: "b" } } },
      ],
    })
    expect(ask(part("files.read", "a", "internal"), part("vault.read", "b", "internal"))).not.toHaveProperty(
      "grant.tools.vault.read",
    )
    expect(ask(part("files.*", "a", "internal"), part("files.read", "b", "internal"))).toEqual({
      ambiguous: "files.read",
    })
  })

  test("bounds of purpose, agent, request and parent all stay, each on each tool", () => {
    const grant = (bound: string) => {
      return { tools: ["files.*:read"], max_sensitivity: "internal" as const, arguments: { file: { like: bound } } }
    }
    const ask = (bound: string) => askedFor({ scopes: ["files.*:read"], bounds: { file: { like: bound } } })
    const above = narrow(tools, ask("c*"), { grant: grant("a*") }, grant("b*"), null, () => true)
    if (!("grant" in above)) throw new Error("nothing left")
    const below = narrow(tools, ask("f*"), { grant: grant("d*") }, grant("e*"), above.grant, () => true)
    const bounds = "grant" in below ? below.grant.tools["files.read"]?.bounds : undefined
    expect(bounds?.map(({ file }) => file?.like)).toEqual(["a*", "b*", "c*", "d*", "e*", "f*"])
  })

  describe("details say what is effective, and nothing that was only requested:", () => {
    const all = { tools: ["*:read", "*:write"], max_sensitivity: "restricted" as const, arguments: {} }
    const inDetails = (asked: Parameters<typeof askedFor>[0]) => ({ ...askedFor(asked), inDetails: true })
    type Bounds = NonNullable<Parameters<typeof askedFor>[0]["bounds"]>
    const detailsOf = (
      asked: RequestedGrant,
      {
        parent = null,
        assertion = [],
        redact = [],
      }: {
        readonly parent?: RequestedGrant | null
        readonly assertion?: readonly RequestedGrant[]
        readonly redact?: readonly string[]
      } = {},
      purpose: GrantDefinition = all,
    ) => {
      const caps = { purpose: { name: "a purpose", grant: purpose }, agent: { id: "an agent", ceiling: all } }
      const policy = { principal: "a user", permits: () => true }
      const above = parent && narrowBy(tools, parent, { ...caps, parent: null, assertion: [], policy })
      if (above && !("grant" in above)) throw new Error("nothing left of the parent")
      const grantAbove = above && { agent: "a parent", grant: above.grant, inDetails: above.details !== null, redact }
      const outcome = narrowBy(tools, asked, { ...caps, parent: grantAbove, assertion, policy })
      if (!("grant" in outcome)) throw new Error("nothing left")
      return outcome.details
    }
    const files = ["files.read:read"]

    test.each<readonly [name: string, own: Bounds[string], above: Bounds[string], together: object]>([
      ["a value of the parent's list", { like: "*" }, { in: ["1", "2"] }, { in: ["1", "2"] }],
      ["the one value that both list", { in: ["1", "2"] }, { in: ["2", "3"] }, { eq: "2" }],
      ["a value that the parent's pattern leaves", { in: ["ab", "b"] }, { like: "a*" }, { eq: "ab" }],
      ["no value, of two that differ", { eq: "1" }, { eq: "2" }, { in: [] }],
      ["no value, of another type", { eq: "1" }, { min: 1 }, { in: [] }],
      ["no value, of ranges that do not meet", { max: 1 }, { min: 2 }, { min: 2, max: 1 }],
      ["the range in common", { min: 1, max: 5 }, { min: 2, max: 9 }, { min: 2, max: 5 }],
      ["the narrower of two patterns", { like: "*" }, { like: "a*" }, { like: "a*" }],
      ["both patterns, if neither implies the other", { like: "*b" }, { like: "a*" }, { like: ["a*", "*b"] }],
      ["a pattern and a length", { like: "a*", max_length: 9 }, { max_length: 4 }, { like: "a*", max_length: 4 }],
    ])("%s", (_, own, above, together) => {
      const [asked, cap] = [own, above].map((bound) => inDetails({ scopes: files, bounds: { file: bound } }))
      if (!asked || !cap) throw new Error("nothing asked")
      const expected = [{ tools: ["files.read"], arguments: { file: together } }]
      expect(detailsOf(asked, { parent: cap })).toMatchObject(expected)
      expect(detailsOf(asked, { assertion: [cap] })?.[0]?.arguments?.["file"]).toEqual(
        "like" in together && Array.isArray(together.like) ? { like: together.like.toReversed() } : together,
      )
    })

    test("bounds of the purpose, and sensitivity of the parent and of the assertion", () => {
      const purpose = { ...all, arguments: { file: { like: "a*" } } }
      expect(detailsOf(inDetails({ scopes: files }), {}, purpose)).toMatchObject([
        { arguments: { file: { like: "a*" } } },
      ])
      const internal = inDetails({ scopes: ["*:read"], maxSensitivity: "internal" })
      const asked = inDetails({ scopes: ["*:read"], maxSensitivity: "restricted" })
      expect(detailsOf(asked, { parent: internal })?.map((each) => each.max_sensitivity)).toEqual(["internal"])
      expect(detailsOf(asked, { assertion: [internal] })?.map((each) => each.max_sensitivity)).toEqual(["internal"])
    })

    test("for tools with other limits in an object of their own", () => {
      const part = (pattern: string, file: string) => {
        return { scopes: [{ pattern, action: "read" as const }], maxSensitivity: null, bounds: { file: { eq: file } } }
      }
      const parent = { parts: [part("files.read", "a"), part("files.list", "b")], inDetails: true, calls: null }
      expect(detailsOf(inDetails({ scopes: ["files.*:read"] }), { parent })).toMatchObject([
        { tools: ["files.list"], arguments: { file: { eq: "b" } } },
        { tools: ["files.read"], arguments: { file: { eq: "a" } } },
      ])
    })

    test("also when the request has no details, but the parent or the assertion does", () => {
      const cap = inDetails({ scopes: files, bounds: { file: { eq: "1" } } })
      const expected = [{ tools: ["files.read"], arguments: { file: { eq: "1" } } }]
      const asked = askedFor({ scopes: files })
      expect(detailsOf(asked, { parent: cap })).toMatchObject(expected)
      expect(detailsOf(asked, { assertion: [cap] })).toMatchObject(expected)
      expect(detailsOf(asked)).toBe(null)
    })

    test("and of a redacted argument no value that only the parent's agent has set", () => {
      const parent = inDetails({ scopes: files, bounds: { pin: { eq: "1" } } })
      const redact = ["pin"]
      const of = (bounds: Bounds) => detailsOf(inDetails({ scopes: files, bounds }), { parent, redact })?.[0]?.arguments
      expect(of({})).toEqual({ pin: { eq: "[redacted]" } })
      expect(of({ pin: { eq: "2" } })).toEqual({ pin: { eq: "[redacted]" } })
      expect(of({ pin: { in: ["1", "2"] } })).toEqual({ pin: { in: ["1", "2"], eq: "[redacted]" } })
      expect(of({ pin: { eq: "1" } })).toEqual({ pin: { eq: "1" } })
    })
  })

  test("lifecycle comes with a server of which something was granted, and with no other", () => {
    const grant = { tools: ["desk.search:read", "files.*:read"], max_sensitivity: "internal" as const, arguments: {} }
    const outcome = narrow(tools, NOTHING_REQUESTED, { grant }, grant, null, () => true)
    const names = "grant" in outcome ? Object.keys(outcome.grant.tools) : []
    expect(names).toContain("desk.mcp.initialize")
    expect(names.filter((name) => name.startsWith("shed."))).toEqual([])
    const only = narrow(tools, askedFor({ scopes: ["desk.mcp.*:read"] }), { grant }, grant, null, () => true)
    expect("grant" in only).toBe(false)
  })

  test("a part of a task is no more sensitive than the whole, lifecycle included, whatever else would allow it", () => {
    const asked = askedFor({ scopes: ["desk.search:read"] })
    const grant = (max_sensitivity: "public" | "restricted") => ({
      tools: ["desk.*:read"],
      max_sensitivity,
      arguments: {},
    })
    const above = narrow(tools, asked, { grant: grant("public") }, grant("restricted"), null, () => true)
    if (!("grant" in above)) throw new Error("nothing left")
    const below = narrow(tools, asked, { grant: grant("restricted") }, grant("restricted"), above.grant, () => true)
    const granted = "grant" in below ? Object.entries(below.grant.tools) : []
    expect(granted.map(([name]) => name)).toEqual(expect.arrayContaining(["desk.search", "desk.mcp.initialize"]))
    for (const [name, { maxSensitivity }] of granted) expect([name, maxSensitivity]).toEqual([name, "public"])
  })
})
