import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { isSame, misuseOfCode, misuseOfRefresh } from "../../src/exchange/code.ts"

const terms = { challenge: "challenge", redirectUri: "https://app.test/callback", jkt: null }
const consent = { agent: "agent", secretHash: "secret", isRedeemed: false, code: terms }
const shown = { challenge: "challenge", redirectUri: null, audience: null, refreshing: { family: "f", last: "l" } }
const by = { agent: "agent", secretHash: "secret", jkt: null, shown }

describe("a code has come to somebody else", () => {
  test.each([
    ["where it was used", { ...consent, isRedeemed: true }, by, "used before"],
    ["where another agent shows it", consent, { ...by, agent: "other" }, "another agent's"],
    ["with another verifier", consent, { ...by, shown: { ...shown, challenge: "other" } }, "another verifier"],
    ["for another place", consent, { ...by, shown: { ...shown, redirectUri: "other" } }, "another redirect_uri"],
    ["with another key", { ...consent, code: { ...terms, jkt: "key" } }, { ...by, jkt: "other" }, "another key"],
    ["without the key", { ...consent, code: { ...terms, jkt: "key" } }, by, "another key"],
  ])("%s", (_what, kept, shower, misuse) => {
    expect(misuseOfCode(kept, shower)).toBe(misuse)
  })

  test("not where all is as it was agreed, nor by whoever does not know its secret", () => {
    expect(misuseOfCode(consent, by)).toBeNull()
    expect(misuseOfCode(consent, { ...by, shown: { ...shown, redirectUri: terms.redirectUri } })).toBeNull()
    expect(misuseOfCode({ ...consent, code: { ...terms, jkt: "key" } }, { ...by, jkt: "key" })).toBeNull()
    for (const isRedeemed of [true, false]) {
      const guess = { ...by, secretHash: "guess", agent: "other" }
      expect(misuseOfCode({ ...consent, isRedeemed }, guess)).toBeNull()
    }
    // What is polled for is asked for again and again.
    expect(misuseOfCode({ agent: "agent", secretHash: "secret", isRedeemed: true }, by)).toBeNull()
  })
})

test("a refresh token has come to somebody else where it was replaced, or another agent shows it", () => {
  const refreshing = { family: "family", last: "last" }
  const kept = { ...consent, refreshing }
  expect(misuseOfRefresh(kept, { agent: "agent", shown: refreshing })).toBeNull()
  expect(misuseOfRefresh(kept, { agent: "agent", shown: { ...refreshing, last: "first" } })).toBe("replaced before")
  expect(misuseOfRefresh(kept, { agent: "other", shown: refreshing })).toBe("another agent's")
  expect(misuseOfRefresh(kept, { agent: "agent", shown: { family: "guess", last: "last" } })).toBeNull()
  expect(misuseOfRefresh(consent, { agent: "agent", shown: refreshing })).toBeNull()
})

test("two texts are the same where they are the same", () => {
  const text = fc.string({ unit: "binary", maxLength: 6 })
  fc.assert(fc.property(text, text, (one, other) => isSame(one, one) && isSame(one, other) === (one === other)))
  for (const [one, other] of [
    ["a", "ab"],
    ["", "a"],
    ["ab", "ba"],
  ] as const) {
    expect(isSame(one, other)).toBe(false)
  }
})
