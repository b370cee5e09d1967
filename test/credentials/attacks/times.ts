/**
 * Time: a token without a readable end has none, one that is not yet valid may never be, an assertion lives briefly.
 */
import { expect } from "vitest"
import type { CredentialRejection } from "../../../src/core/denials/terms/credential-rejection.ts"
import {
  accessTokenOf,
  assertionOf,
  BRIEF_IDP,
  ci,
  CI_BRIEF,
  CI_ONCE,
  idTokenOf,
  namedSvid,
  ONCE_IDP,
  robotToken,
  seconds,
  staffTokenOf,
  svidOf,
  type Changes,
} from "../../harness/besieged.ts"
import {
  agentRefused,
  asAccessToken,
  asActor,
  asIdToken,
  asOperator,
  attack,
  operatorRefused,
  subjectRefused,
  unreadable,
  type Attacks,
  type Expected,
} from "../../harness/attacks.ts"

interface Kind {
  readonly send: (changes: Changes) => Promise<Request>
  readonly refused: (because: CredentialRejection) => Expected
  /** Whether `iat` has to be there. */
  readonly dated: boolean
}
const KINDS: Readonly<Record<string, Kind>> = {
  "ID token": {
    send: async (changes) => asIdToken(await idTokenOf("alice", changes)),
    refused: subjectRefused,
    dated: true,
  },
  "access token": {
    send: async (changes) => asAccessToken(await accessTokenOf("alice", "app", changes)),
    refused: subjectRefused,
    dated: true,
  },
  "JWT-SVID": { send: async (changes) => asActor(await svidOf("first", changes)), refused: agentRefused, dated: false },
  "workload's token": {
    send: async (changes) => asActor(await robotToken(changes)),
    refused: agentRefused,
    dated: true,
  },
  "client assertion": {
    send: async (changes) => asActor(await assertionOf(changes)),
    refused: agentRefused,
    dated: false,
  },
  "operator's token": {
    send: async (changes) => asOperator(await accessTokenOf("operator", "cli", changes)),
    refused: operatorRefused,
    dated: true,
  },
}

const number: number = expect.any(Number)
const mismatch = (claim: string) => ({ reason: "claim_mismatch", claim }) as const

/** What clocks of others may be off by is 30 seconds. */
const WRONG: Readonly<Record<string, readonly [() => Changes, CredentialRejection]>> = {
  "expired a minute ago": [() => ({ claims: { exp: seconds() - 60 } }), { reason: "expired", exp: number }],
  "expired beyond what clocks may be off by": [
    () => ({ claims: { exp: seconds() - 31 } }),
    { reason: "expired", exp: number },
  ],
  "expired in 1970": [() => ({ claims: { exp: 0 } }), { reason: "expired", exp: 0 }],
  "expired before 1970": [() => ({ claims: { exp: -4_000_000_000 } }), { reason: "expired", exp: -4_000_000_000 }],
  "not valid yet": [() => ({ claims: { nbf: seconds() + 60 } }), { reason: "not_yet_valid", from: number }],
  "not valid yet, by a text": [() => ({ claims: { nbf: "0" } }), { reason: "not_yet_valid", from: 0 }],
  "issued in the future": [() => ({ claims: { iat: seconds() + 60 } }), { reason: "not_yet_valid", from: number }],
  "issued at a text": [() => ({ claims: { iat: String(seconds()) } }), mismatch("iat")],
  "without an end": [() => ({ claims: { exp: undefined } }), { reason: "claim_missing", claim: "exp" }],
  "with the end null": [() => ({ claims: { exp: null } }), mismatch("exp")],
  "with the end a text": [() => ({ claims: { exp: "4000000000" } }), mismatch("exp")],
  "with the end a date": [() => ({ claims: { exp: "2099-01-01T00:00:00Z" } }), mismatch("exp")],
  "with the end true": [() => ({ claims: { exp: true } }), mismatch("exp")],
  "with the end a list": [() => ({ claims: { exp: [4_000_000_000] } }), mismatch("exp")],
  "with the end NaN": [
    () => ({ claimsText: (text) => text.replace(/"exp":\d+/, '"exp":NaN') }),
    unreadable("claims", "notJson"),
  ],
  "with the end beyond any number": [
    () => ({ claimsText: (text) => text.replace(/"exp":\d+/, '"exp":1e999') }),
    unreadable("claims", "inexact"),
  ],
  "with the end beyond any exact number": [
    () => ({ claimsText: (text) => text.replace(/"exp":\d+/, '"exp":9007199254740993') }),
    unreadable("claims", "inexact"),
  ],
}

const wrong = Object.fromEntries(
  Object.entries(KINDS).flatMap(([kind, { send, refused }]) =>
    Object.entries(WRONG).map(([what, [changes, because]]) => [
      `${kind} ${what}`,
      attack(refused(because), async () => send(changes())),
    ]),
  ),
)
const undated = Object.fromEntries(
  Object.entries(KINDS)
    .filter(([, { dated }]) => dated)
    .map(([kind, { send, refused }]) => [
      `${kind} of no date`,
      attack(refused({ reason: "claim_missing", claim: "iat" }), async () => send({ claims: { iat: undefined } })),
    ]),
)

const TOO_LONG: CredentialRejection = { reason: "too_long_lived", seconds: number }
const tooLong = agentRefused(TOO_LONG)
const DAY = 86_400
/** The longest that each kind is made for, and the year of a token that was made to stay. */
const LIVES: Readonly<Record<string, number>> = {
  "ID token": 31 * DAY,
  "access token": 31 * DAY,
  "JWT-SVID": DAY,
  "workload's token": DAY,
  "operator's token": DAY,
  "client assertion": 3_600,
}
const FOR_EVER = Date.UTC(2999, 0) / 1000
const long = Object.fromEntries(
  Object.entries(KINDS).flatMap(([kind, { send, refused }]) => {
    const life = LIVES[kind] ?? 0
    const lives: Readonly<Record<string, () => Changes["claims"]>> = {
      "for ever": () => ({ exp: FOR_EVER }),
      "for longer than its kind may be": () => ({ exp: seconds() + life + 40 }),
      "for longer than its kind may be, on its last day": () => ({ iat: seconds() - life, exp: seconds() + 40 }),
    }
    return Object.entries(lives).map(([what, claims]) => [
      `${kind} ${what}`,
      attack(refused(TOO_LONG), async () => send({ claims: { ...claims() } })),
    ])
  }),
)
export const times: Attacks = {
  ...wrong,
  ...undated,
  ...long,
  "JWT-SVID of no date for ever": attack(tooLong, async () =>
    asActor(await svidOf("first", { claims: { iat: undefined, exp: FOR_EVER } })),
  ),
  "workload's token, used once, for ever": attack(tooLong, async () =>
    asActor(await robotToken({ claims: { iss: CI_ONCE, exp: FOR_EVER } })),
  ),
  "session, used once, for ever": attack(subjectRefused(TOO_LONG), async () =>
    asIdToken(await idTokenOf("alice", { by: ci, claims: { iss: ONCE_IDP, exp: FOR_EVER } })),
  ),
  "session for longer than its issuer's entry says": attack(subjectRefused(TOO_LONG), async () =>
    asIdToken(await idTokenOf("alice", { by: ci, claims: { iss: BRIEF_IDP, exp: seconds() + 640 } })),
  ),
  "workload's token for longer than its issuer's entry says": attack(tooLong, async () =>
    asActor(await robotToken({ claims: { iss: CI_BRIEF, exp: seconds() + 640 } })),
  ),
  "JWT-SVID for longer than its trust domain's entry says": attack(tooLong, async () =>
    asActor(await namedSvid({ claims: { exp: seconds() + 640 } })),
  ),
  // What manages opens everything by itself: whatever is taken of an issuer's other tokens, it is no longer than a day.
  "operator's token for longer than a day, of an issuer whose tokens may be longer": attack(
    operatorRefused(TOO_LONG),
    async () => asOperator(await staffTokenOf("keeper", { claims: { exp: seconds() + DAY + 40 } })),
  ),
  "client assertion for two hours": attack(tooLong, async () =>
    asActor(await assertionOf({ claims: { exp: seconds() + 7_200 } })),
  ),
  "client assertion for an hour and what clocks may be off by": attack(tooLong, async () =>
    asActor(await assertionOf({ claims: { exp: seconds() + 3_632 } })),
  ),
  "client assertion for ever": attack(tooLong, async () =>
    asActor(await assertionOf({ claims: { exp: Number.MAX_SAFE_INTEGER } })),
  ),
}
