import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { MAX_TOKEN_LENGTH, peek, splitCompact } from "../../src/credential/compact.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
const base64url = (bytes: Uint8Array): string => bytes.toBase64({ alphabet: "base64url", omitPadding: true })
const part = fc.uint8Array({ minLength: 1, maxLength: 12 }).map(base64url)
const json = (value: unknown): string => base64url(new TextEncoder().encode(JSON.stringify(value)))

describe("one token has one spelling", () => {
  test("what encodes bytes is taken, and says the same bytes", () => {
    fc.assert(
      fc.property(part, part, part, (header, payload, signature) => {
        expect(splitCompact(`${header}.${payload}.${signature}`)).toEqual({ header, payload })
      }),
    )
  })

  test("another last character that decodes to the same bytes is refused (RFC 4648 3.5)", () => {
    let refused = 0
    fc.assert(
      fc.property(part, fc.constantFrom(...ALPHABET.split("")), fc.constantFrom(0, 1, 2), (text, last, place) => {
        const other = text.slice(0, -1) + last
        const parts = ["e30", "e30", "e30"]
        parts[place] = other
        const isCanonical = text.length % 4 === 1 ? false : reencoded(other) === other
        expect(splitCompact(parts.join(".")) !== null).toBe(isCanonical)
        if (!isCanonical) refused += 1
      }),
      { numRuns: 500 },
    )
    expect(refused).toBeGreaterThan(50)
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
    expect(splitCompact(token)).toBeNull()
    expect(peek(token)).toBeNull()
  })
})

describe("peek", () => {
  test("reads header and issuer, and nothing into them", () => {
    const token = `${json({ alg: "ES256", kid: "1", typ: "JWT", jku: "https://evil.test" })}.${json({ iss: "i", sub: "s", exp: 1 })}.AAAA`
    expect(peek(token)).toEqual({ alg: "ES256", kid: "1", typ: "JWT", iss: "i", sub: "s" })
  })

  test.each([
    ["no alg", {}, {}],
    ["kid that is no string", { alg: "ES256", kid: 1 }, {}],
    ["an excessive kid", { alg: "ES256", kid: "k".repeat(257) }, {}],
    ["iss that is no string", { alg: "ES256" }, { iss: ["i"] }],
    ["a payload that is no object", { alg: "ES256" }, "x"],
  ])("%s", (_what, header, payload) => {
    expect(peek(`${json(header)}.${json(payload)}.AAAA`)).toBeNull()
  })
})

function reencoded(text: string): string | null {
  try {
    return base64url(Uint8Array.fromBase64(text, { alphabet: "base64url" }))
  } catch {
    return null
  }
}
