import fc from "fast-check"
import { describe, expect, inject, test } from "vitest"
import { parseScope } from "../../src/catalog/pattern.ts"
import type { Tool } from "../../src/catalog/tool.ts"
import { ASKED_NOTHING, coversTool, isLifecycle, narrow, type Asked, type Grant } from "../../src/exchange/grant.ts"
import type { GrantDefinition } from "../../src/policy/bundle.ts"
import { inDefinition, inScopes, sensitivityWithin } from "../harness/reference.ts"

const { tools } = inject("yard")
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
const asking: fc.Arbitrary<Asked & { texts: readonly string[] | null }> = fc
  .record({
    texts: fc.option(fc.uniqueArray(scope, { minLength: 1, maxLength: 3 })),
    maxSensitivity: fc.option(sensitivity),
    calls: fc.option(fc.integer({ min: 1, max: 9 })),
  })
  .map((asked) => {
    const scopes = asked.texts?.flatMap((text) => parseScope(text) ?? []) ?? null
    return Object.assign({}, ASKED_NOTHING, asked, { scopes })
  })

const isSubset = (inner: readonly string[] | null, outer: readonly string[] | null): boolean =>
  outer === null || (inner !== null && inner.every((each) => outer.includes(each)))

describe("narrow", () => {
  test("grants exactly what purpose, ceiling, request, parent and policy all cover", () => {
    const permitted = fc.subarray(real.map(({ name }) => name))
    let granted = 0
    fc.assert(
      fc.property(definition, definition, asking, definition, permitted, (purpose, ceiling, asked, above, names) => {
        const parentOutcome = narrow(tools, ASKED_NOTHING, { grant: above }, above, null, () => true)
        const parent: Grant | null = "grant" in parentOutcome ? parentOutcome.grant : null
        const outcome = narrow(tools, asked, { grant: purpose }, ceiling, parent, ({ name }) => names.includes(name))
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
        const { grant, scope: text } = outcome
        const own = Object.keys(grant.tools).filter((name) => real.some((tool) => tool.name === name))
        expect(own.toSorted()).toEqual(expected.map(({ name }) => name).toSorted())
        // The token's scope says it all: nothing is granted that it does not name (the edge denies early by it) ...
        for (const tool of expected) expect(inScopes(text.split(" "), tool)).toBe(true)
        // ... and nothing more than was granted, as long as the catalog stays as it is.
        for (const tool of real) expect(inScopes(text.split(" "), tool)).toBe(expected.includes(tool))
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
    const outcome = narrow(tools, ASKED_NOTHING, { grant }, grant, null, () => true)
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
    const asked = { ...ASKED_NOTHING, scopes: [{ pattern: "vault.*", action: "read" as const }] }
    expect(narrow(tools, asked, { grant: files }, all, null, () => true)).toMatchObject({
      lacking: { "vault.read": "purpose" },
    })
    expect(narrow(tools, asked, { grant: all }, files, null, () => true)).toMatchObject({
      lacking: { "vault.read": "agent" },
    })
    expect(narrow(tools, asked, { grant: all }, all, null, () => false)).toMatchObject({
      lacking: { "vault.read": "policy" },
    })
    const internal = { ...all, max_sensitivity: "internal" as const }
    expect(narrow(tools, asked, { grant: all }, internal, null, () => true)).toMatchObject({
      lacking: { "vault.read": "agent" },
    })
  })

  test("bounds of purpose, agent, request and parent all stay, each on each tool", () => {
    const grant = (bound: string) => {
      return { tools: ["files.*:read"], max_sensitivity: "internal" as const, arguments: { file: { like: bound } } }
    }
    const ask = (bound: string) => ({ ...ASKED_NOTHING, bounds: { file: { like: bound } } })
    const above = narrow(tools, ask("c*"), { grant: grant("a*") }, grant("b*"), null, () => true)
    if (!("grant" in above)) throw new Error("nothing left")
    const below = narrow(tools, ask("f*"), { grant: grant("d*") }, grant("e*"), above.grant, () => true)
    const bounds = "grant" in below ? below.grant.tools["files.read"]?.bounds : undefined
    expect(bounds?.map(({ file }) => file?.like)).toEqual(["a*", "b*", "c*", "d*", "e*", "f*"])
  })

  test("lifecycle comes with a server of which something was granted, and with no other", () => {
    const grant = { tools: ["desk.search:read", "files.*:read"], max_sensitivity: "internal" as const, arguments: {} }
    const outcome = narrow(tools, ASKED_NOTHING, { grant }, grant, null, () => true)
    const names = "grant" in outcome ? Object.keys(outcome.grant.tools) : []
    expect(names).toContain("desk.mcp.initialize")
    expect(names.filter((name) => name.startsWith("shed."))).toEqual([])
    const only = narrow(
      tools,
      { ...ASKED_NOTHING, scopes: [{ pattern: "desk.mcp.*", action: "read" }] },
      { grant },
      grant,
      null,
      () => true,
    )
    expect("grant" in only).toBe(false)
  })
})
