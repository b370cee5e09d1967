import { describe, expect, test } from "vitest"
import { firstOf, rotateRefresh, misuseOfCode, type Refreshing } from "../../../src/core/task/authorization-code.ts"

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
  const first = firstOf({ family: "family", secret: "first" }, "token of first")
  const judge = (refreshing: Refreshing, secret: string, next: string, now = NOW, more: Partial<Showing> = {}) => {
    const { agent = "agent", family = "family", jkt = null, boundTo = null } = more
    const shown = { agent, shown: { family, secret }, next, token: `token of ${next}`, jkt }
    return rotateRefresh({ ...consent, refreshing }, shown, boundTo, now)
  }
  interface Showing {
    readonly agent: string
    readonly family: string
    readonly jkt: string | null
    readonly boundTo: string | null
  }
  /** What is good then. */
  const used = (refreshing: Refreshing, secret: string, next: string, now = NOW): Refreshing => {
    const judged = judge(refreshing, secret, next, now)
    if (!("refreshing" in judged)) throw new Error(JSON.stringify(judged))
    return judged.refreshing
  }
  const goodOf = ({ good }: Refreshing) => good.map(({ secret }) => secret)
  const second = used(first, "first", "second")
  const misuse = (what: string) => ({ misuse: what })
  const UNKNOWN = { refused: { reason: "grant_refused", what: "unknown" } }

  test("is good until it is used, and gives further ones for ten seconds", () => {
    expect(goodOf(used(second, "second", "third", LATE))).toEqual(["third"])
    expect(goodOf(used(second, "first", "beside", LATE - 1))).toEqual(["second", "beside"])
    expect(judge(second, "first", "beside", LATE)).toEqual(misuse("replaced before"))
    expect(judge(second, "another", "beside")).toEqual(misuse("replaced before"))
  })

  test("that goes on ends the access tokens of those that do not", () => {
    const lostBy = (refreshing: Refreshing, secret: string) => {
      const judged = judge(refreshing, secret, "next")
      return "lost" in judged ? judged.lost : judged
    }
    const several = used(used(second, "first", "beside"), "first", "third")
    expect(lostBy(second, "second")).toEqual([])
    expect(lostBy(several, "first")).toEqual([])
    expect(lostBy(several, "beside")).toEqual(["token of second", "token of third"])
  })

  test("has come to somebody else where another agent shows it; what is of no family says nothing", () => {
    expect(judge(second, "second", "next", NOW, { agent: "other" })).toEqual(misuse("another agent's"))
    // Or whoever guesses could end what is another's.
    for (const [secret, now] of [
      ["second", NOW],
      ["first", LATE],
    ] as const) {
      for (const agent of ["agent", "other"]) {
        expect(judge(second, secret, "next", now, { agent, family: "guess" })).toEqual(UNKNOWN)
      }
    }
    const none = {
      agent: "agent",
      shown: { family: "family", secret: "first" },
      next: "next",
      token: "token",
      jkt: null,
    }
    expect(rotateRefresh(consent, none, null, NOW)).toEqual(UNKNOWN)
  })

  test("obtained beside another is good no more, without any delay, once the other is used", () => {
    const both = used(second, "first", "beside", NOW + 1)
    const third = used(both, "beside", "third", NOW + 2)
    expect(goodOf(third)).toEqual(["third"])
    for (const secret of ["first", "second"]) {
      expect(judge(third, secret, "next", NOW + 2)).toEqual(misuse("replaced before"))
    }
    expect(goodOf(used(third, "beside", "again", NOW + 2))).toEqual(["third", "again"])
  })

  test("is had no more than so often at once", () => {
    let all = second
    for (let at = 0; at < 31; at++) all = used(all, "first", `beside-${at}`)
    expect(all.good).toHaveLength(32)
    expect(judge(all, "first", "one more")).toMatchObject({ refused: { reason: "too_many_tasks" } })
  })

  test.each<readonly [string, string, Partial<Showing>, object]>([
    ["the only good one, of a task bound to no key", "third", { jkt: "key" }, ["next"]],
    ["a good one with its key", "third", { jkt: "key", boundTo: "key" }, ["next"]],
    ["a good one with another key", "third", { jkt: "other", boundTo: "key" }, misuse("another key")],
    ["a good one without its key", "third", { boundTo: "key" }, misuse("another key")],
    ["a used one with its key", "second", { jkt: "key", boundTo: "key" }, ["third", "next"]],
    ["a used one with another key", "second", { jkt: "other", boundTo: "key" }, misuse("another key")],
    ["a used one without its key", "second", { boundTo: "key" }, misuse("another key")],
    ["a used one with a key, of a task bound to none", "second", { jkt: "key" }, misuse("another key")],
  ])("and keys: %s", (_what, secret, more, outcome) => {
    const judged = judge(used(second, "second", "third"), secret, "next", NOW, more)
    expect("refreshing" in judged ? goodOf(judged.refreshing) : judged).toEqual(outcome)
  })

  test("of several that are good binds nothing: one of them may be a thief's", () => {
    const both = used(second, "first", "beside")
    for (const secret of goodOf(both)) {
      expect(judge(both, secret, "next", NOW, { jkt: "key" })).toEqual({ refused: { reason: "key_differs" } })
    }
  })
})
