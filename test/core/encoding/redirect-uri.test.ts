import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { answerAt, formTargetOf, isRedirectUri, isRegistered } from "../../../src/core/encoding/redirect-uri.ts"

const REGISTERED = [
  "https://app.test/callback",
  "http://127.0.0.1/callback",
  "http://[::1]/callback",
  "http://localhost/callback",
]

describe("a redirect URI", () => {
  test.each([
    "https://app.test/callback",
    "https://app.test",
    "https://app.test/callback?from=here",
    "http://127.0.0.1:4000/callback",
    "http://[::1]/callback",
    "http://localhost:4000",
  ])("%s may be registered", (uri) => {
    expect(isRedirectUri(uri)).toBe(true)
  })

  test.each([
    "http://app.test/callback",
    "https://app.test/callback#",
    "https://app.test/callback#here",
    "https://user@app.test/callback",
    "https://APP.test/callback",
    "https://app.test:443/callback",
    "https://app.test/a/../callback",
    "https://app.test/call back",
    "https://app.test\\callback",
    // What some readers take for another character, or end at.
    "https://app.test/call|back",
    "https://app.test/callback?to=\\evil.test",
    "https://app.test/callback?{to}",
    "https://app.test/callback?`",
    "com.example.app:/callback",
    "javascript:alert(1)",
    "http://127.0.0.2/callback",
    "http://localhost.evil.test/",
    "https://app.test;script-src/callback",
    "https://app.test,evil.test/callback",
    "https://*/callback",
    "https://*.test/callback",
    "https://app.test'/callback",
    `https://app.test/${"a".repeat(2_048)}`,
    "",
  ])("%s may not", (uri) => {
    expect(isRedirectUri(uri)).toBe(false)
  })

  test("is another wherever one letter of it is, but for the port of a loopback address", () => {
    const place = fc.constantFrom(...REGISTERED)
    const port = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::\d{1,5})?(?=[/?]|$)/
    fc.assert(
      fc.property(place, fc.nat(40), fc.string({ minLength: 1, maxLength: 12, unit: "binary" }), (uri, at, more) => {
        const changed = uri.slice(0, at) + more + uri.slice(at)
        const isSame = REGISTERED.includes(changed.replace(port, "$1"))
        return isRegistered(REGISTERED, changed) === (isSame && URL.canParse(changed))
      }),
      { numRuns: 20_000 },
    )
  })

  test("is where the answer goes, with what stood in its query and nothing broken out of", () => {
    fc.assert(
      fc.property(fc.constantFrom(...REGISTERED, "https://app.test/callback?from=here"), fc.string(), (uri, state) => {
        const url = new URL(answerAt(uri, { code: "c", state, iss: null }))
        const { origin, pathname } = new URL(uri)
        return (
          url.origin === origin &&
          url.pathname === pathname &&
          url.hash === "" &&
          url.searchParams.get("state") === state.toWellFormed() &&
          !url.searchParams.has("iss")
        )
      }),
    )
    expect(answerAt("https://app.test/?a=b", { code: "c" })).toBe("https://app.test/?a=b&code=c")
  })

  test("is what the page's policy lets its form lead to", () => {
    expect(["https://app.test/callback", "http://127.0.0.1:80/x", "http://[::1]:1/"].map(formTargetOf)).toEqual([
      "https://app.test",
      "http://127.0.0.1",
      "http:",
    ])
  })
})
