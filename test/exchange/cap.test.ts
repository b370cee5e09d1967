import fc from "fast-check"
import { describe, expect, inject, test } from "vitest"
import { parseScope, scopeCovers } from "../../src/catalog/pattern.ts"
import { violation, type ArgumentBound } from "../../src/exchange/bounds.ts"
import { capAsked } from "../../src/exchange/cap.ts"
import { ASKED_NOTHING, type Asked } from "../../src/exchange/grant.ts"

const { tools } = inject("yard")
const prefixes = ["*", ...new Set(tools.flatMap(({ name, server }) => [name, `${server}.*`]))]
const scope = fc
  .tuple(fc.constantFrom(...prefixes), fc.constantFrom("read", "write", "execute"))
  .map(([pattern, action]) => `${pattern}:${action}`)
const scalar = fc.constantFrom<string | number | boolean>("a", "ab", 1, 2, true)
const bound: fc.Arbitrary<ArgumentBound> = fc.record(
  {
    eq: scalar,
    in: fc.array(scalar, { minLength: 1, maxLength: 3 }),
    min: fc.integer({ min: 0, max: 3 }),
    max: fc.integer({ min: 0, max: 3 }),
    like: fc.constantFrom("a*", "*b", "a"),
    max_length: fc.integer({ min: 0, max: 3 }),
  },
  { requiredKeys: [] },
)
const asked: fc.Arbitrary<Asked> = fc.record({
  scopes: fc.option(fc.array(scope, { maxLength: 4 }).map((texts) => texts.flatMap((text) => parseScope(text) ?? []))),
  maxSensitivity: fc.option(fc.constantFrom("public", "internal", "confidential", "restricted")),
  bounds: fc.dictionary(fc.constantFrom("x", "y"), bound, { maxKeys: 2 }),
  calls: fc.option(fc.integer({ min: 1, max: 5 })),
})

const covered = ({ scopes }: Asked): readonly string[] =>
  tools.filter((tool) => scopes === null || scopes.some((one) => scopeCovers(one, tool))).map(({ name }) => name)
const keeps = ({ bounds }: Asked, values: Readonly<Record<string, unknown>>): boolean =>
  violation([bounds], values) === null

describe("what is asked for within what may be", () => {
  test("covers a tool just if both do, admits arguments only if both do", () => {
    const values = fc.dictionary(fc.constantFrom("x", "y"), scalar)
    let said = 0
    fc.assert(
      fc.property(asked, asked, values, (one, other, args) => {
        const met = capAsked(one, other)
        const both = covered(one).filter((name) => covered(other).includes(name))
        if (!met) {
          const unsayable = [one, other].every(({ bounds }) =>
            Object.values(bounds).some(({ like }) => like !== undefined),
          )
          const isEmpty = one.scopes?.length === 0 || other.scopes?.length === 0 || both.length === 0
          expect(isEmpty || unsayable || !(keeps(one, args) && keeps(other, args))).toBe(true)
          return
        }
        said += 1
        expect(covered(met)).toEqual(both)
        if (keeps(met, args)) expect([keeps(one, args), keeps(other, args)]).toEqual([true, true])
        if (keeps(one, args) && keeps(other, args)) expect(keeps(met, args)).toBe(true)
        for (const limit of [one.calls, other.calls]) if (limit !== null) expect(met.calls).toBeLessThanOrEqual(limit)
      }),
      { numRuns: 2_000 },
    )
    expect(said).toBeGreaterThan(100)
  })

  test("is what may be where nothing is asked for, and the other way round", () => {
    const cap = { ...ASKED_NOTHING, scopes: [parseScope("files.*:read")].flatMap((scope) => scope ?? []), calls: 3 }
    expect(capAsked(ASKED_NOTHING, cap)).toEqual(cap)
    expect(capAsked(cap, ASKED_NOTHING)).toEqual(cap)
  })
})
