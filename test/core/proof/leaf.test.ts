/** What is hashed of a record is RFC 8785, whatever its members are and in whichever order they came. */
import canonicalize from "canonicalize"
import * as fc from "fast-check"
import { expect, test } from "vitest"
import { bytesToBase64url } from "../../../src/core/encoding/base64url.ts"
import { canonicalJson, headOf, leafOf, leafOfRecord } from "../../../src/core/proof/leaf.ts"
import { PERSONAL } from "../../../src/core/record/fields.ts"
import { nativeHash } from "../../../src/platform/builtins.ts"

const RUNS = { numRuns: 2_000 }

/** Names that JavaScript lists in an order of its own, that JSON escapes, or that an assignment would lose. */
const name = fc.oneof(
  fc.constantFrom("10", "9", "a", "B", "é", "__proto__", "constructor", "toJSON", '"', "\n", "\u{1f600}", "\ufb33", ""),
  fc.string({ unit: "binary", maxLength: 4 }),
)
const { json } = fc.letrec<{ json: unknown }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(fc.string({ unit: "binary" }), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer()),
    fc.constantFrom(null, true, false, 0, 1e21, 1e-7, 5e-324, 0.1),
    fc.array(tie("json"), { maxLength: 4 }),
    fc.array(fc.tuple(name, tie("json")), { maxLength: 6 }).map((members) => Object.fromEntries(members)),
  ),
}))
/** As it comes out of a log: by way of its text. */
const read = (value: unknown): unknown => JSON.parse(JSON.stringify(value))
/** Each object's members the other way round. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, turned(member)]),
  )
}

test("any JSON is written as the library of RFC 8785 writes it", () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalize(read(value))
      expect(canonicalJson(read(value))).toBe(text)
      expect(canonicalJson(turned(read(value)))).toBe(text)
    }),
    RUNS,
  )
})

test.each([
  ['{"2":0,"10":1}', '{"10":1,"2":0}'],
  ['{"a":{"2":0,"10":1}}', '{"a":{"10":1,"2":0}}'],
  ['{"b":1,"__proto__":[]}', '{"__proto__":[],"b":1}'],
  ['{"__proto__":{"b":1,"a":2}}', '{"__proto__":{"a":2,"b":1}}'],
  ['{"\\ufb33":1,"\\ud83d\\ude00":2}', '{"\u{1f600}":2,"\ufb33":1}'],
  ['["\\ud800",{"b":"\\udc00","a":-0}]', '["\\ud800",{"a":0,"b":"\\udc00"}]'],
])("%s is written as %s", (text, canonical) => expect(canonicalJson(JSON.parse(text))).toBe(canonical))

const personal = fc.constantFrom(...PERSONAL)
const record = fc
  .array(fc.tuple(fc.oneof(personal, name), json), { maxLength: 12 })
  .map((members): Readonly<Record<string, unknown>> => JSON.parse(JSON.stringify(Object.fromEntries(members))))
const salt = fc.uint8Array({ minLength: 18, maxLength: 18 }).map(bytesToBase64url)

const sha256 = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))

test("a leaf is what the pages say, by another hash and another writer, and stays when the person is erased", async () => {
  await fc.assert(
    fc.asyncProperty(record, salt, async (members, salt) => {
      const of = (isPersonal: boolean): object =>
        Object.fromEntries(Object.entries(members).filter(([name]) => PERSONAL.has(name) === isPersonal))
      const commitment = bytesToBase64url(await sha256(canonicalize([salt, of(true)]) ?? ""))
      const leaf = await sha256(`\0${canonicalize([commitment, of(false)])}`)
      expect(leafOfRecord(members, salt)).toEqual(leaf)
      expect(new Uint8Array(leafOfRecord(members, salt, nativeHash))).toEqual(leaf)
      const head = read(headOf(members, salt))
      expect(head).toEqual({ ...of(false), commitment })
      expect(leafOf(headOf(members, salt))).toEqual(leaf)
      expect(leafOfRecord(JSON.parse(JSON.stringify(head)), null)).toEqual(leaf)
    }),
    { numRuns: 500 },
  )
})
