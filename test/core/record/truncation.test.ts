import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { readStored, recordOf, storedForm, type DecisionRecord } from "../../../src/core/record/record.ts"
import { byteLength } from "../../../src/core/encoding/bytes.ts"

const MAX_BYTES = 16_384
const id = "dec_01JZZZZZZZZZZZZZZZZZZZZZZZ"
const identity = {
  id,
  at: 1_800_000_000_000,
  life: 1,
  number: 7,
  kind: "call",
  decision: "deny",
  code: "insufficient_scope",
  tool: "mail.send",
  task: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}.1`,
  user: "https://idp.test|alice",
  principal: 'User::"https://idp.test|alice"',
  chain: ["spiffe://example.org/agent/first", "spiffe://example.org/agent/second"],
  arguments_hash: "0".repeat(64),
  token_hash: "0".repeat(16),
  bundle: { seq: 5, digest: "0".repeat(64) },
} as const satisfies Partial<DecisionRecord>

const stored = (told: Partial<DecisionRecord>): DecisionRecord =>
  readStored(storedForm(recordOf({ ...identity, ...told })))
const bytesOf = (told: Partial<DecisionRecord>): number =>
  byteLength(storedForm(recordOf({ ...identity, ...told })).body)
const broken = (bound: string) =>
  ({ reason: "argument_out_of_bounds", scope: "mail.send:write", argument: "to", bound }) as const

/** One byte each, two, three, four, and what JSON escapes into two or six. */
const CHARACTERS = ["a", "é", "€", "😀", '"', "\\", "\n", "\u0000", "\ud800", "\udc00"]
/** Made of few kinds of them each, or all would be about as long in bytes. */
const texts = fc
  .tuple(fc.subarray(CHARACTERS, { minLength: 1, maxLength: 2 }), fc.nat(400), fc.nat(9))
  .map(([characters, length, head]) => `${head}${characters.join("").repeat(length)}`.slice(0, length))
const many = (maxLength: number) =>
  fc.integer({ max: maxLength, min: 0 }).chain((length) => fc.array(texts, { minLength: length, maxLength: length }))
const members = many(80).map((all) =>
  Object.fromEntries(all.map((text, at) => [`${at}${text.slice(0, 20 * (at % 3))}`, text])),
)
const records = fc.record({
  arguments: fc.oneof(
    members,
    members.map((inner) => ({ inner, list: Object.values(inner) })),
  ),
  facts: members,
  denial: texts.map(broken),
  path: texts,
  groups: many(40),
  rules: many(100),
  labels: many(100),
  scope: texts.map((text) => text.repeat(100)),
})

describe("a record that its caller makes long", () => {
  test("is never longer than a record may be, and always says which call it was", () => {
    fc.assert(
      fc.property(records, (told) => {
        expect(bytesOf(told)).toBeLessThanOrEqual(MAX_BYTES)
        expect(stored(told)).toMatchObject({ ...identity, denial: { reason: "argument_out_of_bounds" } })
      }),
      { numRuns: 100 },
    )
  })

  test.each<readonly [what: string, told: Partial<DecisionRecord>]>([
    ["one long text, with the mark that it was cut", { scope: "a".repeat(64_000) }],
    [
      "characters that are longer in bytes",
      { rules: Array.from({ length: 300 }, (_, at) => `${at}${"€".repeat(20)}`) },
    ],
  ])("is measured in the bytes that it takes: %s", (_, told) => {
    expect(bytesOf(told)).toBeLessThanOrEqual(MAX_BYTES)
    expect(bytesOf(told)).toBeGreaterThan(MAX_BYTES - 400)
  })

  test("loses the long values, not the short ones: escapes, of which one character is six bytes, empty nothing", () => {
    const filler = Array.from({ length: 40 }, (_, index) => [`n${index}`, "\u0000".repeat(300)])
    const shown = Object.fromEntries([["to", "mallory@evil.example"], ...filler])
    const record = stored({ arguments: shown, denial: broken('eq "alice"'), rules: ["a", "b"], path: "/mail" })
    expect(record).toMatchObject({ denial: broken('eq "alice"'), rules: ["a", "b"], path: "/mail" })
    expect(record.arguments["to"]).toBe("mallory@evil.example")
    expect(Object.keys(record.arguments)).toHaveLength(32)
    expect(record.arguments["n0"]).toBe(`${"\u0000".repeat(42)}… (300 characters)`)
    expect(record.cut).toEqual(["arguments"])
  })

  test("with more than fits even then keeps what is short, and tells as much of the rest as there is room for", () => {
    const lots = Array.from({ length: 5_000 }, (_, index) => `rule-${index}`)
    const scope = "mail.send:write ".repeat(4_000)
    const record = stored({ rules: lots, scope, arguments: { to: "a" }, denial: broken("max 1"), groups: ["staff"] })
    expect(record).toMatchObject({ arguments: { to: "a" }, denial: broken("max 1"), groups: ["staff"] })
    expect(record.rules.length).toBeGreaterThan(300)
    expect(lots.slice(0, record.rules.length)).toEqual(record.rules)
    expect(record.scope).toMatch(/^mail\.send:write .{4000,}… \(64000 characters\)$/)
    expect(record.cut.toSorted()).toEqual(["rules", "scope"])
    expect(bytesOf({ rules: lots, scope })).toBeGreaterThan(MAX_BYTES - 400)
  })

  test("says how long a text was, however often it was cut, and splits no character", () => {
    const emoji = "😀".repeat(500)
    const [to] = Object.values(stored({ arguments: { to: "a".repeat(10) + emoji } }).arguments)
    expect(to).toBe(`${"a".repeat(10)}${"😀".repeat(61)}… (1010 characters)`)
    const many = Object.fromEntries(Array.from({ length: 32 }, (_, at) => [`${at}${"x".repeat(250)}`, at + emoji]))
    const shown = Object.values(stored({ arguments: many }).arguments).map(String)
    expect(shown).toHaveLength(32)
    for (const text of shown) expect(text).toMatch(/^\d+(?:😀)+… \(100[12] characters\)$/u)
  })

  test("says so also where it is made of one that was cut before", () => {
    const once = recordOf({ ...identity, path: "a".repeat(300), groups: Array.from({ length: 40 }, String) })
    expect(once.cut).toEqual(["path", "groups"])
    expect(recordOf({ ...once, total_ms: 1 })).toEqual({ ...once, total_ms: 1 })
  })

  test("and its candidate's denial likewise", () => {
    const because = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`b${at}`, "\u0001".repeat(500)]))
    const denial = Object.assign({}, broken("max 1"), { because })
    const differs = { ...identity, denial, rules: [], scope: null }
    const told = stored({ candidate: { bundle: identity.bundle, differs }, arguments: { to: "a" }, denial })
    expect(told.candidate?.differs).toMatchObject({ code: identity.code, denial: broken("max 1") })
    expect(told).toMatchObject({ arguments: { to: "a" }, denial: broken("max 1") })
    expect(told.cut.toSorted()).toEqual(["candidate", "denial"])
  })

  test("one that is short is told as it is, and says so", () => {
    const told = { arguments: { to: "é".repeat(128), list: ["a", { b: 1 }] }, denial: broken("max 1"), path: "/a" }
    expect(stored(told)).toMatchObject({ ...told, cut: [] })
  })
})
