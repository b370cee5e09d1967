import { describe, expect, test } from "vitest"
import { firstOf, misuseOfCode, misuseOfRefresh, renewed } from "../../src/exchange/code.ts"

const terms = { challenge: "challenge", redirectUri: "https://app.test/callback", jkt: null }
const consent = { agent: "agent", secretHash: "secret", isRedeemed: false, code: terms }
const shown = { challenge: "challenge", redirectUri: null, refresh: { family: "f", secret: "s" } }
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

describe("a refresh token", () => {
  const NOW = 1_800_000_000_000
  const LATE = NOW + 10_000
  const first = firstOf({ family: "family", secret: "first" })
  const second = renewed(first, "first", "second", NOW) ?? first
  const showing = (secret: string, refreshing = second, now = NOW, agent = "agent", family = "family") =>
    misuseOfRefresh({ ...consent, refreshing }, { agent, shown: { family, secret } }, now)

  test("is good until it is replaced, and for whoever asks at the same moment a little longer", () => {
    expect(showing("first", first)).toBeNull()
    expect([showing("second"), showing("second", second, LATE)]).toEqual([null, null])
    expect([showing("first"), showing("first", second, LATE - 1)]).toEqual([null, null])
    expect(showing("first", second, LATE)).toBe("replaced before")
    expect(showing("another")).toBe("replaced before")
  })

  test("has come to somebody else where another agent shows it; what is of no family says nothing", () => {
    expect(showing("second", second, NOW, "other")).toBe("another agent's")
    expect(showing("second", second, NOW, "agent", "guess")).toBeNull()
    // Or whoever guesses could end what is another's.
    expect(showing("first", second, LATE, "agent", "guess")).toBeNull()
    expect(showing("second", second, NOW, "other", "guess")).toBeNull()
    expect(misuseOfRefresh(consent, { agent: "agent", shown: { family: "family", secret: "first" } }, NOW)).toBeNull()
  })

  test("asked for at once are all good, until one of them is replaced", () => {
    const both = renewed(second, "first", "beside", NOW + 1) ?? second
    expect(both.good).toEqual(["second", "beside"])
    const third = renewed(both, "beside", "third", NOW + 60_000) ?? both
    expect(third.good).toEqual(["third"])
    expect([showing("second", third, NOW + 60_000), showing("beside", third, NOW + 60_000)]).toEqual([null, null])
    expect(showing("first", third, NOW + 60_000)).toBe("replaced before")
    for (const secret of ["second", "beside"]) expect(showing(secret, third, NOW + 70_000)).toBe("replaced before")
  })

  test("is had no more than so often at once", () => {
    let all = second
    for (let at = 0; at < 31; at++)
      all = renewed(all, "first", `beside-${at}`, NOW) ?? firstOf({ family: "", secret: "" })
    expect(all.good).toHaveLength(32)
    expect(renewed(all, "first", "one more", NOW)).toBeNull()
  })
})
