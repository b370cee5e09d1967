import fc from "fast-check"
import { describe, expect, test } from "vitest"
import {
  answerAt,
  formTargetOf,
  isOwnMachine,
  isRedirectUri,
  isRegistered,
} from "../../../src/core/encoding/redirect-uri.ts"

const REGISTERED = [
  "https://app.test/callback",
  "http://127.0.0.1/callback",
  "http://[::1]/callback",
  "http://localhost/callback",
  "com.example.app:/callback",
]

describe("a redirect URI", () => {
  test.each([
    "https://app.test/callback",
    "https://app.test",
    "https://app.test/callback?from=here",
    "http://127.0.0.1:4000/callback",
    "http://[::1]/callback",
    "http://localhost:4000",
    "com.example.app:/callback",
    "com.example.app://callback",
    "com.example.app:/callback?from=here",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "vscode://publisher.extension/callback",
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
    "com.example.app:callback",
    "COM.example.app:/callback",
    "com.example.app://user@callback/",
    "com.example.app:/call|back",
    "com.example.app:/callback#here",
    "com.example..app:/callback",
    ".example.app:/callback",
    "example:/callback",
    "cursor:callback",
    "javascript:alert(1)",
    "javascript:/alert(1)",
    "data:/text/html,x",
    "vbscript:/x",
    "blob:https://app.test/x",
    "file:///callback",
    "ftp://app.test/callback",
    "ws://127.0.0.1/callback",
    "mailto:/somebody@app.test",
    "ms-settings:/x",
    "intent://app.test/callback",
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

  test("is another wherever one letter of it is, but for the port at loopback", () => {
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

  test.each(["http://127.0.0.1", "http://[::1]", "http://localhost"])(
    "at %s may have any port, and no other host",
    (host) => {
      for (const written of [`${host}/callback`, `${host}:33418/callback`]) {
        expect(isRegistered([written], `${host}/callback`)).toBe(true)
        expect(isRegistered([written], `${host}:4000/callback`)).toBe(true)
        for (const other of REGISTERED) {
          if (!other.startsWith(`${host}/`)) expect(isRegistered([written], other)).toBe(false)
        }
        for (const other of [
          `${host}:4000/`,
          `${host}:4000/callback/`,
          `${host}:4000/callback?x`,
          `${host}.evil.test/callback`,
        ]) {
          expect(isRegistered([written], other), other).toBe(false)
        }
      }
    },
  )

  test("is of a program on the person's own machine, or of a place on the web", () => {
    expect(REGISTERED.map(isOwnMachine)).toEqual([false, true, true, true, true])
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
    expect(
      ["https://app.test/callback", "http://127.0.0.1:80/x", "http://[::1]:1/", "com.example.app:/x"].map(formTargetOf),
    ).toEqual(["https://app.test", "http://127.0.0.1", "http:", "com.example.app:"])
  })
})
