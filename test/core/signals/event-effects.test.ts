import { describe, expect, test } from "vitest"
import type { StreamDefinition } from "../../../src/core/policy/definition/streams.ts"
import {
  EVENTS,
  REPORTABLE_EVENTS,
  type EffectName,
  type EventName,
} from "../../../src/core/policy/definition/security-events.ts"
import { changesOf, exceptKeys, effectsOf, type EventEffect } from "../../../src/core/signals/event-effects.ts"
import type { SetError } from "../../../src/core/denials/set-error.ts"

const NOW = 1_800_000_000_500
const IAT = 1_799_999_990

const STREAM: StreamDefinition = {
  id: "s",
  issuer: "https://s.test",
  audiences: ["a"],
  keys: { kind: "jwks_uri", uri: "https://s.test/keys" },
  algorithms: ["ES256"],
  key_sha256: [],
  events: REPORTABLE_EVENTS,
  about: { users: [{ issuer: "idp", by: ["iss_sub"] }], agents: [], keys: true },
  effects: {},
  risk: { low: 0, medium: 50, high: 90, doubt: 60, half_life: 600 },
  mode: "enforce",
}
const KNOWN = {
  about: STREAM.about,
  issuers: [{ id: "idp", issuer: "https://idp.test", keys: { kind: "discovery" }, algorithms: [] }],
  agents: new Map(),
  us: "https://authz.example",
} as const

const ALICE = { format: "iss_sub", iss: "https://idp.test", sub: "alice" }
const stopped = { kind: "user", user: "https://idp.test|alice" } as const

function judge(
  name: string,
  told: Readonly<Record<string, unknown>> = {},
  stream: StreamDefinition = STREAM,
  subject: unknown = ALICE,
): readonly EventEffect[] | SetError {
  const type = Object.entries(EVENTS).find(([known]) => known === name)?.[1].type ?? name
  return effectsOf({ jti: "j", until: 0, at: IAT, subject, events: [[type, told]] }, stream, KNOWN, NOW)
}

const effectOf = (...asked: Parameters<typeof judge>): unknown => {
  const [one] = [judge(...asked)].flat()
  return one && ("reason" in one ? one.reason : one.level === null ? one.effect : `risk ${one.level}`)
}

describe("an event", () => {
  test.each<readonly [string, Readonly<Record<string, unknown>>, unknown]>([
    ["session-revoked", {}, "revoke"],
    ["token-claims-change", { claims: { role: "ro" } }, "revoke"],
    ["credential-change", { change_type: "revoke" }, "revoke"],
    ["credential-change", { change_type: "delete" }, "revoke"],
    ["credential-change", { change_type: "update" }, "revoke"],
    ["credential-change", { change_type: "made up later" }, "revoke"],
    ["credential-change", { change_type: "create" }, "none"],
    ["credential-change", {}, "event_malformed"],
    ["assurance-level-change", { current_level: "aal1", change_direction: "decrease" }, "risk 60"],
    ["assurance-level-change", { current_level: "aal1" }, "risk 60"],
    ["assurance-level-change", { current_level: "aal2", change_direction: "increase" }, "none"],
    ["assurance-level-change", { change_direction: "increase" }, "event_malformed"],
    ["device-compliance-change", { current_status: "not-compliant" }, "risk 60"],
    ["device-compliance-change", { current_status: "compliant" }, "none"],
    ["device-compliance-change", {}, "event_malformed"],
    ["risk-level-change", { current_level: "LOW", principal: "USER" }, "risk 0"],
    ["risk-level-change", { current_level: "MEDIUM" }, "risk 50"],
    ["risk-level-change", { current_level: "HIGH", principal: "DEVICE" }, "risk 90"],
    ["risk-level-change", { current_level: "HIGH", principal: "TENANT" }, "none"],
    ["risk-level-change", { current_level: "high" }, "event_malformed"],
    ["session-established", {}, "none"],
    ["session-presented", {}, "none"],
    ["account-disabled", { reason: "hijacking" }, "stop"],
    ["account-enabled", {}, "lift"],
    ["account-purged", {}, "revoke"],
    ["account-credential-change-required", {}, "risk 60"],
    ["credential-compromise", { credential_type: "password" }, "revoke"],
    ["identifier-recycled", {}, "revoke"],
    ["sessions-revoked", {}, "revoke"],
    ["verification", { state: "s" }, "none"],
    ["stream-updated", { status: "paused" }, "none"],
    ["https://o.test/unheard-of", { whatever: 1 }, "none"],
    ["session-revoked", { event_timestamp: "yesterday" }, "event_malformed"],
    ["session-revoked", { event_timestamp: -1 }, "event_malformed"],
    ["session-revoked", { subject: { ...ALICE, sub: "bob" } }, "event_malformed"],
    ["session-revoked", { subject: { sub: "alice", iss: "https://idp.test", format: "iss_sub" } }, "revoke"],
  ])("%s %j: %s", (name, told, effect) => {
    expect(effectOf(name, told)).toBe(effect)
  })

  test("about nobody that we know changes nothing, and says so", () => {
    expect(judge("session-revoked", {}, STREAM, { format: "email", email: "a@o.test" })).toMatchObject([
      { effect: "none", because: "subject_unknown", targets: [] },
    ])
    expect(judge("o:unheard-of", {}, STREAM, undefined)).toMatchObject([{ because: "event_unknown" }])
    expect(effectOf("verification", {}, STREAM, { format: "opaque", id: "stream" })).toBe("none")
    expect(effectOf("session-revoked", {}, STREAM, null)).toBe("event_malformed")
  })

  test("that the stream may not tell is refused, and so is a subject of another issuer, though nothing would follow", () => {
    const narrow = { ...STREAM, events: ["session-revoked"] } as const
    expect(effectOf("account-disabled", {}, narrow)).toBe("event_not_allowed")
    expect(effectOf("verification", {}, narrow)).toBe("none")
    const foreign = { ...ALICE, iss: "https://second.test" }
    expect(effectOf("session-presented", {}, STREAM, foreign)).toBe("subject_not_allowed")
  })

  test("of several spoils the others where it may not be told", () => {
    const narrow = { ...STREAM, events: ["session-revoked"] } as const
    const events = [
      [EVENTS["session-revoked"].type, {}],
      [EVENTS["account-disabled"].type, {}],
    ] as const
    expect(effectsOf({ jti: "j", until: 0, at: IAT, subject: ALICE, events }, narrow, KNOWN, NOW)).toEqual({
      reason: "event_not_allowed",
      event: "account-disabled",
    })
  })
})

describe("what follows", () => {
  test.each<readonly [EventName, EffectName, readonly object[]]>([
    ["session-revoked", "none", []],
    ["session-revoked", "risk", [{ kind: "risk", of: stopped, event: "session-revoked", level: 60, halfLife: 600 }]],
    ["device-compliance-change", "revoke", [{ kind: "stop", stopped, before: (IAT + 1) * 1000 }]],
    ["account-disabled", "stop", [{ kind: "stop", stopped, before: null }]],
    ["account-enabled", "lift", [{ kind: "lift", stopped }]],
  ])("from %s may be %s", (name, effect, expected) => {
    const stream = { ...STREAM, effects: { [name]: effect } }
    const judged = judge(name, { current_status: "not-compliant" }, stream)
    expect("reason" in judged ? judged : changesOf(judged, stream, NOW)).toMatchObject(expected)
  })

  test.each<readonly [unknown, number]>([
    // Sessions of the very second may be from before.
    [1_799_999_000, 1_799_999_001_000],
    [1_799_999_000.9, 1_799_999_001_000],
    // Drafts of CAEP counted milliseconds.
    [1_799_999_000_123, 1_799_999_001_000],
    // What is still to come is now; what a fast clock makes of it too, though it keeps its place among others.
    [1_900_000_000, 1_800_000_001_000],
    [1_800_000_020, 1_800_000_001_000],
    [undefined, (IAT + 1) * 1000],
  ])("from a revocation with event_timestamp %s stops what was given before %s", (said, before) => {
    const judged = judge("session-revoked", said === undefined ? {} : { event_timestamp: said })
    expect("reason" in judged ? judged : changesOf(judged, STREAM, NOW)).toMatchObject([{ before }])
  })

  test("from what is told of a key pulls it, for good; a risk of it is none", () => {
    const key = { format: "uri", uri: "https://authz.example/.well-known/jwks.json#k1" }
    const pulled = judge("credential-change", { change_type: "revoke" }, STREAM, key)
    expect("reason" in pulled ? pulled : changesOf(pulled, STREAM, NOW)).toMatchObject([
      { kind: "stop", stopped: { kind: "key", kid: "k1" }, before: null },
    ])
    const risky = judge("risk-level-change", { current_level: "HIGH" }, STREAM, key)
    expect("reason" in risky ? risky : changesOf(risky, STREAM, NOW)).toEqual([])
  })

  test("is nothing where none of the keys that are named was ever ours, and the rest where one was", () => {
    const key = (kid: string) => ({ format: "uri", uri: `https://authz.example/.well-known/jwks.json#${kid}` })
    const both = { format: "aliases", identifiers: [key("k1"), key("k2"), ALICE] }
    const judged = judge("credential-change", { change_type: "revoke" }, STREAM, both)
    if ("reason" in judged) throw new Error(judged.reason)
    const [k1, k2] = [{ kind: "key", kid: "k1" } as const, { kind: "key", kid: "k2" } as const]
    expect(judged).toMatchObject([{ targets: [k1, k2, stopped] }])
    expect(exceptKeys(judged, new Set())).toEqual(judged)
    expect(exceptKeys(judged, new Set(["k1"]))).toMatchObject([{ effect: "revoke", targets: [k2, stopped] }])
    const alone = judge("credential-change", { change_type: "revoke" }, STREAM, key("k1"))
    if ("reason" in alone) throw new Error(alone.reason)
    const none = exceptKeys(alone, new Set(["k1"]))
    expect(none).toMatchObject([{ effect: "none", because: "subject_unknown", targets: [] }])
    expect(changesOf(none, STREAM, NOW)).toEqual([])
  })
})
