import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { MAX_TOKEN_LENGTH, readCompact } from "../../../src/credentials/jws/compact.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
const base64url = (bytes: Uint8Array): string => bytes.toBase64({ alphabet: "base64url", omitPadding: true })
const part = fc.uint8Array({ minLength: 1, maxLength: 12 }).map(base64url)
const json = (value: unknown): string => base64url(new TextEncoder().encode(JSON.stringify(value)))

const HEADER = json({ alg: "ES256" })
const reasonOf = (token: string): string => {
  const read = readCompact(token)
  return "rejected" in read ? read.rejected.reason : "read"
}

describe("one token has one spelling", () => {
  test("what encodes two objects is read, and says the same", () => {
    const member = fc.string({ minLength: 1, maxLength: 8 }).filter((name) => name !== "__proto__")
    fc.assert(
      fc.property(member, fc.string(), part, (name, value, signature) => {
        const read = readCompact(`${HEADER}.${json({ [name]: value })}.${signature}`)
        if (value.isWellFormed() && name.isWellFormed()) expect(read).toMatchObject({ claims: { [name]: value } })
      }),
    )
  })

  test("another last character that decodes to the same bytes is refused (RFC 4648 3.5)", () => {
    let refused = 0
    fc.assert(
      fc.property(part, fc.constantFrom(...ALPHABET.split("")), fc.constantFrom(0, 1, 2), (text, last, place) => {
        const other = text.slice(0, -1) + last
        const parts = [HEADER, "e30", "e30"]
        parts[place] = other
        const isCanonical = text.length % 4 === 1 ? false : reencoded(other) === other
        const read = readCompact(parts.join("."))
        const objection = "rejected" in read && read.rejected.reason === "malformed" ? read.rejected.what : ""
        expect(objection === "its base64url is not canonical").toBe(!isCanonical)
        if (!isCanonical) refused += 1
      }),
      { numRuns: 500 },
    )
    expect(refused).toBeGreaterThan(50)
  })

  test("one of 16,384 characters is read, and a longer one is refused", () => {
    const lengths = [3, 4].map((length) => {
      const payload = json({ x: "x".repeat(12_000) })
      const token = `${HEADER}.${payload}.${"A".repeat(16_384 - HEADER.length - payload.length - 5 + length)}`
      return [token.length, reasonOf(token)]
    })
    expect(lengths).toEqual([
      [16_384, "read"],
      [16_385, "malformed"],
    ])
  })

  test.each([
    ["a blank inside", "e30.e3 0.e30"],
    ["a line break at the end", "e30.e30.e30\n"],
    ["padding", "e30=.e30.e30"],
    ["the other alphabet", "e+/0.e30.e30"],
    ["two parts", "e30.e30"],
    ["four parts", "e30.e30.e30.e30"],
    ["five parts, encrypted", "e30.e30.e30.e30.e30"],
    ["an empty signature: alg none", "e30.e30."],
    ["an empty payload: detached", "e30..e30"],
    ["a length that no bytes have", "e30.e30.A"],
    ["nothing", ""],
    ["too long", `e30.${"A".repeat(MAX_TOKEN_LENGTH)}.e30`],
  ])("%s is refused", (_what, token) => {
    expect(reasonOf(token)).toBe("malformed")
  })
})

describe("header and claims", () => {
  test("are read as they are, and nothing into them", () => {
    const token = `${json({ alg: "ES256", kid: "1", typ: "JWT", x5t: "AA" })}.${json({ iss: "i", sub: "s" })}.AAAA`
    const header = { alg: "ES256", kid: "1", typ: "JWT", x5t: "AA" }
    expect(readCompact(token)).toEqual({ token, header, claims: { iss: "i", sub: "s" } })
  })

  const encoded = (text: string): string => base64url(new TextEncoder().encode(text))

  test.each([
    ["no alg", json({}), json({})],
    ["kid that is no string", json({ alg: "ES256", kid: 1 }), json({})],
    ["an excessive kid", json({ alg: "ES256", kid: "k".repeat(257) }), json({})],
    ["typ that is no string", json({ alg: "ES256", typ: ["JWT"] }), json({})],
    ["a payload that is no object", HEADER, json("x")],
    ["a payload that is a list", HEADER, json([])],
    ["a claim twice", HEADER, encoded('{"sub":"a","sub":"b"}')],
    ["a claim twice, escaped", HEADER, encoded('{"sub":"a","s\\u0075b":"b"}')],
    ["a header member twice", encoded('{"alg":"ES256","alg":"none"}'), json({})],
    ["a byte order mark", HEADER, encoded('\ufeff{"sub":"a"}')],
    ["a prototype", HEADER, encoded('{"__proto__":{"sub":"a"}}')],
  ])("%s is refused", (_what, header, payload) => {
    expect(reasonOf(`${header}.${payload}.AAAA`)).toBe("malformed")
  })

  test.each([
    ["header: it has a key twice", encoded('{"alg":"ES256","alg":"none"}'), json({})],
    ["claims: it has a key twice", HEADER, encoded('{"sub":"a","sub":"b"}')],
    ["claims: it is not UTF-8", HEADER, base64url(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))],
    ["claims: it is not JSON", HEADER, encoded("{")],
    ["claims: it is no object", HEADER, json([])],
    ["claims: it nests too deep", HEADER, encoded(`{"x":${"[".repeat(65)}${"]".repeat(65)}}`)],
    ["claims: it has a number that is not exact as a double", HEADER, encoded('{"exp":9007199254740993}')],
  ])("what cannot be read says which of them, and why: its %s", (what, header, payload) => {
    const read = readCompact(`${header}.${payload}.AAAA`)
    const objection = "rejected" in read && read.rejected.reason === "malformed" ? read.rejected.what : ""
    expect(objection).toContain(`its ${what}`)
    // What was wrong with one token is nothing to the next.
    expect(readCompact(`${HEADER}.${json({ sub: "a" })}.AAAA`)).toHaveProperty("claims.sub", "a")
  })

  test.each(["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip"])("a header with %s is refused", (member) => {
    expect(reasonOf(`${json({ alg: "ES256", [member]: ["x"] })}.e30.AAAA`)).toBe("header_refused")
  })
})

function reencoded(text: string): string | null {
  try {
    return base64url(Uint8Array.fromBase64(text, { alphabet: "base64url" }))
  } catch {
    return null
  }
}
