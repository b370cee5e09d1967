/** A stream of events whose transmitter, or whose network, means ill: what it may not speak of stays as it is. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { decodeProtectedHeader } from "jose"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { keyRing } from "../../src/signing/key-ring.ts"
import { MAX_RISKS } from "../../src/core/signals/leased-risks.ts"
import { SwitchStorage } from "../../src/revocation/switch-storage.ts"
import { BURST, Pace } from "../../src/revocation/pace.ts"
import {
  MAX_LIFTED,
  MAX_STREAM_SWITCHES,
  MAX_SEEN_TOKENS,
  SIGNAL_VERSION,
  type SignalChange,
} from "../../src/core/signals/stream-change.ts"
import { SeenEventTokens } from "../../src/revocation/seen-event-tokens.ts"
import { switchboard, Switchboard } from "../../src/revocation/switchboard.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { IDP, idToken, SECOND_IDP, US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { known, publishCareful } from "../harness/risks.ts"
import { claimsOf, EVENTS_AUDIENCE, personOf, push, signEvents, tell } from "../harness/streams.ts"

beforeEach(publishCareful)
freshIsolateForEach()

const codeOf = async ({ token }: { readonly token: string }): Promise<string> =>
  (await callWith(token, "/files/a")).code
const now = (): number => Math.floor(Date.now() / 1000)
const [OK, ENDED] = ["ok", "invalid_token"]
const listing = z.object({ revocations: z.array(z.looseObject({ id: z.string(), user: z.string().optional() })) })
const stopped = async () =>
  listing.parse((await manage("GET", "/v1/revocations", await bearerOf("viewer"))).json).revocations
const keyOf = (kid: string) => ({ format: "uri", uri: `${US}/.well-known/jwks.json#${kid}` })

/** What a stream has told before, straight to the switchboard: a token has no room for as much. */
async function flood(stream: string, changes: readonly SignalChange[]): Promise<string> {
  const report = { stream, jti: crypto.randomUUID(), digest: "", until: Date.now() + 600_000 }
  const telling = switchboard(env).signal(SIGNAL_VERSION, { ...report, changes })
  telling.catch(() => undefined)
  return telling
}

test("a token for two streams of one issuer is judged by neither", async () => {
  const body = await yard()
  const other = `${US}/v1/other-events`
  const streams = body.streams.flatMap((stream) =>
    stream.id === "idp-signals" ? [stream, { ...stream, id: "other-signals", audiences: [other] }] : [stream],
  )
  await publish({ ...body, streams }, 2)
  forgetCaches()
  const root = await openTask("first")
  const revoking = claimsOf({ "account-disabled": {} })
  const both = await push(await signEvents({ ...revoking, aud: [EVENTS_AUDIENCE, other] }))
  expect(both).toMatchObject({ status: 400, err: "invalid_audience" })
  expect(await codeOf(root)).toBe(OK)
  expect((await push(await signEvents({ ...revoking, aud: other }))).status).toBe(202)
  expect(await codeOf(root)).toBe(ENDED)
})

describe("a stream that tells of more than there can be", () => {
  test("stops of it leave room for those of others", async () => {
    const root = await openTask("first")
    const stops = (from: number, count: number) =>
      Array.from({ length: count }, (_, nth) => {
        const user = `${SECOND_IDP}|invented-${from + nth}`
        return { kind: "stop", stopped: { kind: "user", user }, before: null, at: 1 } as const
      })
    const parts = Array.from({ length: 20 }, (_, nth) => stops(nth * 500, MAX_STREAM_SWITCHES / 20))
    const outcomes = await Promise.all(parts.map(async (part) => flood("second-signals", part)))
    expect(outcomes).toContain("kept")
    expect(outcomes).toContain("full")
    expect((await tell({ "account-disabled": {} })).status).toBe(202)
    expect(await codeOf(root)).toBe(ENDED)
  })

  test("risks of it take the place of its own, not of an operator's or another stream's", async () => {
    const root = await openTask("first")
    const risk = { user: `${IDP}|alice`, level: 60, confirm: true }
    expect((await manage("POST", "/v1/risks", await bearerOf("operator"), {}, risk)).status).toBe(200)
    expect((await tell({ "risk-level-change": { current_level: "MEDIUM" } }, personOf("bob"))).status).toBe(202)
    const invented = Array.from({ length: MAX_RISKS + 100 }, (_, nth): SignalChange => {
      const of = { kind: "user", user: `${SECOND_IDP}|invented-${nth}` } as const
      return { kind: "risk", of, event: "risk-level-change", level: 90, halfLife: 604_800, at: Date.now() }
    })
    // Not all at once: what one token tells is never dropped for the rest of it.
    await Promise.all(
      [0, 1, 2].map(async (nth) => flood("second-signals", invented.slice(nth * 4_000, (nth + 1) * 4_000))),
    )
    const names = (await known()).map(([, name]) => name)
    expect(names.length).toBeGreaterThan(MAX_RISKS - 200)
    expect(names.length).toBeLessThanOrEqual(MAX_RISKS)
    expect(names).toContain(`${IDP}|alice`)
    expect(names).toContain(`${IDP}|bob`)
    expect(await codeOf(root)).toBe("policy_denied")
  })

  test("tokens of it by the hundred are put off, and neither another stream nor a call is", async () => {
    const root = await openTask("first")
    const outcomes = await Promise.all(Array.from({ length: BURST + 50 }, async () => flood("second-signals", [])))
    expect(outcomes.slice(0, BURST)).toEqual(Array.from({ length: BURST }, () => "kept"))
    expect(outcomes).toContain("busy")
    vi.spyOn(Pace.prototype, "take").mockReturnValueOnce(false)
    const told = await signEvents(claimsOf({ "session-revoked": {} }))
    const answer = await push(told)
    expect(answer).toMatchObject({ status: 503, err: "unavailable" })
    expect(answer.headers.get("retry-after")).toBe("5")
    expect(await recordOf(answer.decision)).toMatchObject({ denial: { reason: "stream_too_fast" } })
    expect(await codeOf(root)).toBe(OK)
    expect((await push(told)).status).toBe(202)
    expect(await codeOf(root)).toBe(ENDED)
  })

  test("what it has others go on is remembered for so many, and of all that it has told what is newest", async () => {
    const now = Date.now()
    await switchboard(env).risks()
    const counts = await runInDurableObject(switchboard(env), (_board, { storage: { sql } }) => {
      const [switches, tokens] = [new SwitchStorage(sql), new SeenEventTokens(sql)]
      const lift = (nth: number) =>
        ({ kind: "lift", stopped: { kind: "user", user: `${SECOND_IDP}|invented-${nth}` }, at: now }) as const
      const report = { stream: "second-signals", until: now + 9_999 }
      expect(
        switches.take(
          Array.from({ length: MAX_LIFTED + 50 }, (_, nth) => lift(nth)),
          report,
          now,
          now,
        ),
      ).toBe(true)
      sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
         INSERT INTO signals SELECT 'k' || i, '', ? + i FROM n`,
        MAX_SEEN_TOKENS - 1,
        now + 9_999,
      )
      const token = (jti: string) => ({ stream: "second-signals", jti, digest: "" })
      for (const jti of ["a", "b"]) tokens.keep(token(jti), now + 2 * MAX_SEEN_TOKENS, now)
      expect([tokens.find(token("a")), tokens.find(token("b"))]).toEqual(["repeated", "repeated"])
      expect(sql.exec("SELECT key FROM signals WHERE key IN ('k0', 'k1', 'k2')").toArray()).toEqual([{ key: "k2" }])
      const count = (table: string) => sql.exec(`SELECT count(*) AS count FROM ${table}`).one()["count"]
      return [count("stream_switches"), count("signals")]
    })
    expect(counts).toEqual([10_000, 1_000_000])
  })

  test("keys that it invents are nobody's, and take no room that nobody could give back", async () => {
    const root = await openTask("first")
    const { kid } = decodeProtectedHeader(root.token)
    const answer = await tell({ "credential-change": { change_type: "revoke" } }, keyOf("invented"))
    expect(answer.status).toBe(202)
    expect((await recordOf(answer.decision)).arguments).toMatchObject({ effect: "none", because: "subject_unknown" })
    expect(await stopped()).toEqual([])
    // Ours is one that the ring has had, pulled before or not: a token of it may be about.
    await keyRing(env).pull(kid ?? "")
    expect((await tell({ "credential-change": { change_type: "revoke" } }, keyOf(kid ?? ""))).status).toBe(202)
    expect(await stopped()).toMatchObject([{ key: kid }])
    expect(await codeOf(root)).toBe(ENDED)
  })
})

describe("a jti that is used again", () => {
  test("for something else changes nothing, of a key neither", async () => {
    const root = await openTask("first")
    const { kid } = decodeProtectedHeader(root.token)
    const first = claimsOf({ "account-enabled": {} }, personOf("bob"))
    expect((await push(await signEvents(first))).status).toBe(202)
    const events = claimsOf({ "credential-change": { change_type: "revoke" } }, keyOf(kid ?? ""))
    const reused = await push(await signEvents({ ...events, jti: first["jti"] }))
    expect(reused).toMatchObject({ status: 400, err: "invalid_request" })
    forgetCaches()
    expect(await codeOf(root)).toBe(OK)
    expect(decodeProtectedHeader((await openTask("first")).token).kid).toBe(kid)
  })

  test("again and again holds up no token that is new", async () => {
    const report = { stream: "idp-signals", jti: "old", digest: "a", until: Date.now() + 600_000, changes: [] }
    const tellAgain = async () => switchboard(env).signal(SIGNAL_VERSION, report)
    expect(await tellAgain()).toBe("kept")
    const outcomes = await Promise.all(Array.from({ length: 4 * BURST }, tellAgain))
    expect(new Set(outcomes)).toEqual(new Set(["repeated", "busy"]))
    expect(await flood("idp-signals", [])).toBe("kept")
    expect(await switchboard(env).signal(SIGNAL_VERSION, { ...report, digest: "b" })).not.toBe("kept")
  })

  test("by many at once is told once; of several things under it one is", async () => {
    const [same, jti] = [await signEvents(claimsOf({ "session-revoked": {} })), crypto.randomUUID()]
    const others = await Promise.all(
      ["bob", "carol", "dave", "erin"].map(async (sub) =>
        signEvents({ ...claimsOf({ "account-disabled": {} }, personOf(sub)), jti }),
      ),
    )
    const [repeats, taken] = await Promise.all([
      Promise.all(Array.from({ length: 12 }, async () => push(same))),
      Promise.all(others.map(async (one) => push(one))),
    ])
    expect(new Set(repeats.map(({ status }) => status))).toEqual(new Set([202]))
    const records = await Promise.all(repeats.map(async ({ decision }) => recordOf(decision)))
    expect(records.filter((record) => !("repeated" in record.arguments))).toHaveLength(1)
    expect(taken.map(({ status }) => String(status)).toSorted()).toEqual(["202", "400", "400", "400"])
    expect(await stopped()).toHaveLength(2)
  })

  test("is told again where the first time was lost between the key and its switch", async () => {
    const root = await openTask("first")
    const { kid } = decodeProtectedHeader(root.token)
    const token = await signEvents(claimsOf({ "credential-change": { change_type: "revoke" } }, keyOf(kid ?? "")))
    vi.spyOn(Switchboard.prototype, "signal").mockRejectedValueOnce(new Error("out of reach, by a test"))
    expect((await push(token)).status).toBe(503)
    expect((await push(token)).status).toBe(202)
    expect(await stopped()).toMatchObject([{ key: kid }])
    expect(await codeOf(root)).toBe(ENDED)
  })
})

/** What is left of a suspension that was lifted is lifted as well. */
async function liftAll(): Promise<void> {
  for (let all = await stopped(); all.length > 0; all = await stopped()) {
    for (const { id } of all) await manage("DELETE", `/v1/revocations/${id}`, await bearerOf("operator"))
  }
}

describe("of two that happened at the same moment the stricter stands, in whatever order a network brings them:", () => {
  test("an account that was enabled and disabled is stopped", async () => {
    const root = await openTask("first")
    const at = { event_timestamp: now() - 5 }
    for (const event of ["account-disabled", "account-enabled", "account-disabled", "account-enabled"]) {
      expect((await tell({ [event]: at })).status).toBe(202)
      forgetCaches()
      if (event === "account-enabled") expect(await codeOf(root)).toBe(ENDED)
    }
    for (const events of [
      { "account-enabled": {}, "account-disabled": {} },
      { "account-disabled": {}, "account-enabled": {} },
    ]) {
      const bob = await openTask("first", { subject_token: await idToken("bob") })
      expect((await tell(events, personOf("bob"))).status).toBe(202)
      expect(await codeOf(bob)).toBe(ENDED)
      await liftAll()
      forgetCaches()
    }
  })

  test("what a clock that runs ahead says stands by what it says, not by when it came", async () => {
    const root = await openTask("first")
    expect((await tell({ "account-disabled": { event_timestamp: now() + 20 } })).status).toBe(202)
    expect((await tell({ "account-enabled": { event_timestamp: now() + 10 } })).status).toBe(202)
    forgetCaches()
    expect(await codeOf(root)).toBe(ENDED)
    // Beyond what clocks may differ it is no time, and counts as now.
    expect((await tell({ "account-enabled": { event_timestamp: now() + 100_000 } })).status).toBe(202)
    forgetCaches()
    expect(await codeOf(root)).toBe(ENDED)
    expect((await tell({ "account-enabled": { event_timestamp: now() + 25 } })).status).toBe(202)
    forgetCaches()
    // What was given before the account was enabled stays revoked, and by that clock no session of later.
    expect(await codeOf(root)).toBe(ENDED)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await codeOf(await openTask("first"))).toBe(OK)
    expect((await tell({ "session-revoked": { event_timestamp: now() + 20 } })).status).toBe(202)
    expect(await codeOf(root)).toBe(ENDED)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await codeOf(await openTask("first"))).toBe(OK)
  })

  test("a risk that rose and fell is high", async () => {
    const root = await openTask("first")
    const at = { event_timestamp: now() - 5 }
    for (const current_level of ["LOW", "HIGH", "LOW"]) {
      expect((await tell({ "risk-level-change": { current_level, ...at } })).status).toBe(202)
    }
    expect(await codeOf(root)).toBe("policy_denied")
  })
})

describe("whom it speaks of", () => {
  const nested = (inner: unknown) => ({ format: "aliases", identifiers: [inner, personOf("alice")] })
  test.each([
    ["aliases within aliases", nested({ format: "aliases", identifiers: [personOf("alice")] })],
    ["aliases within aliases by their old name", nested({ subject_type: "aliases", identifiers: [personOf("alice")] })],
    ["a complex one within aliases", nested({ format: "complex", user: personOf("alice") })],
    ["a complex one within aliases by no name", nested({ user: personOf("alice") })],
    ["a complex one within a complex one by no name", { format: "complex", user: { user: personOf("alice") } }],
    ["a key's place with two ids", { format: "uri", uri: `${US}/.well-known/jwks.json#a#b` }],
  ])("in %s is refused", async (_what, subject) => {
    expect(await tell({ "session-revoked": {} }, subject)).toMatchObject({ status: 400, err: "invalid_request" })
  })

  test("under the longest name that a session may have is stopped", async () => {
    const sub = "😀".repeat(255)
    const root = await openTask("first", { subject_token: await idToken(sub) })
    expect(await codeOf(root)).toBe(OK)
    expect((await tell({ "session-revoked": {} }, personOf(sub))).status).toBe(202)
    expect(await codeOf(root)).toBe(ENDED)
  })

  test("with a bar in the name is that person, and nobody of another issuer", async () => {
    const [root, odd] = [await openTask("first"), await openTask("first", { subject_token: await idToken("x|alice") })]
    expect((await tell({ "session-revoked": {} }, personOf("x|alice"))).status).toBe(202)
    expect([await codeOf(root), await codeOf(odd)]).toEqual([OK, ENDED])
    expect((await tell({ "session-revoked": {} }, personOf("alice", `${IDP}|x`))).err).toBe("access_denied")
  })

  test("by several names is recorded with all of them", async () => {
    const identifiers = [personOf("bob"), { format: "email", email: "bob@example.test" }, personOf("bob")]
    const answer = await tell({ "account-disabled": {} }, { format: "aliases", identifiers })
    const users = [`${IDP}|bob`, `${IDP}|bob@example.test`]
    expect(await recordOf(answer.decision)).toMatchObject({ user: users[0], arguments: { users } })
    expect((await stopped()).map(({ user }) => String(user)).toSorted()).toEqual(users)
  })

  test("is in no record where it is hidden in the name of an event", async () => {
    const token = await idToken("alice")
    const answer = await tell({ [token]: {}, "https://events.example/\u001b[2J": {} })
    expect(answer.status).toBe(202)
    const record = await recordOf(answer.decision)
    expect(JSON.stringify(record)).not.toMatch(/e[wy][A-Za-z0-9_-]{18,}/)
    const { json } = await manage("GET", "/v1/decisions?kind=management", await bearerOf("viewer"))
    expect(JSON.stringify(json)).not.toContain("\\u001b")
    const subject = personOf("bob")
    const refused = await push(await signEvents({ ...claimsOf({}), events: { [token]: { subject } } }))
    expect(refused.status).toBe(400)
    expect(JSON.stringify(await recordOf(refused.decision))).not.toMatch(/e[wy][A-Za-z0-9_-]{18,}/)
  })
})

describe("when it says that it happened", () => {
  test.each([
    ["never", null],
    ["before all time", -1],
    ["in words", "5"],
    ["in a list", [5]],
  ])("%s is refused", async (_what, event_timestamp) => {
    expect((await tell({ "session-revoked": { event_timestamp } })).err).toBe("invalid_request")
  })

  test("long ago stops nothing of now, at the end of time nothing of later, and both are remembered", async () => {
    const root = await openTask("first")
    for (const event_timestamp of [0, 0.5, 1_000_000_000]) {
      expect((await tell({ "session-revoked": { event_timestamp } })).status).toBe(202)
      expect(await codeOf(root)).toBe(OK)
    }
    for (const event_timestamp of [99_999_999_999, Number.MAX_SAFE_INTEGER]) {
      expect((await tell({ "session-revoked": { event_timestamp } })).status).toBe(202)
    }
    expect(await codeOf(root)).toBe(ENDED)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(await codeOf(await openTask("first"))).toBe(OK)
  })
})

test("a stream that is taken away is told nothing of, and an operator lifts what it has stopped, risks too", async () => {
  const root = await openTask("first")
  expect((await tell({ "risk-level-change": { current_level: "HIGH" } })).status).toBe(202)
  expect((await tell({ "account-disabled": {} })).status).toBe(202)
  const body = await yard()
  await publish({ ...body, streams: body.streams.filter(({ id }) => id !== "idp-signals") }, 2)
  forgetCaches()
  expect((await tell({ "account-enabled": {} })).err).toBe("invalid_issuer")
  expect(await codeOf(root)).toBe(ENDED)
  const operator = await bearerOf("operator")
  await liftAll()
  const lift = { user: `${IDP}|alice`, level: 0 }
  expect((await manage("POST", "/v1/risks", operator, {}, lift)).status).toBe(200)
  expect(await known()).toHaveLength(1)
  const ofStream = { ...lift, stream: "idp-signals" }
  expect((await manage("POST", "/v1/risks", operator, {}, ofStream)).json).toEqual(ofStream)
  expect(await known()).toEqual([])
  expect((await manage("POST", "/v1/risks", operator, {}, { ...ofStream, level: 5 })).status).toBe(400)
  forgetCaches()
  expect(await codeOf(root)).toBe(OK)
})
