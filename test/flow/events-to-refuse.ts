/**
 * Security Event Tokens that must not be taken: each is an honest one, changed in one thing. By it alice would be
 * stopped.
 */
import { exportJWK, type CryptoKey } from "jose"
import { openTask } from "../harness/agents.ts"
import { forge, base64url } from "../harness/forge.ts"
import { accessToken, idp, idToken, stranger, svid } from "../harness/issuers.ts"
import {
  claimsOf,
  personOf,
  push,
  signEvents,
  SIGNER_OF,
  TRANSMITTER_KEY,
  type EventAnswer,
} from "../harness/streams.ts"

export interface RefusedEvent {
  readonly send: () => Promise<EventAnswer>
  readonly err: string
  /** `reason` of the denial; of a rejected token, that of its rejection. */
  readonly reason: string
}

type Members = Readonly<Record<string, unknown>>
const HEADER = { alg: "ES256", kid: "signals-1", typ: "secevent+jwt" }
const honest = (): Members => claimsOf({ "session-revoked": {} })
const now = (): number => Math.floor(Date.now() / 1000)
const signer = (): { readonly key: CryptoKey } => {
  const found = SIGNER_OF["idp-signals"]
  if (!found) throw new Error("no such stream")
  return found
}

const withClaims = (changed: Members) => async () => push(await signEvents({ ...honest(), ...changed }))
const without = (claim: string) => async () => {
  const { [claim]: _gone, ...rest } = honest()
  return push(await signEvents(rest))
}
const withHeader = (changed: Members) => async () => push(await forge({ ...HEADER, ...changed }, honest(), signer()))
const about = (subject: unknown) => withClaims({ sub_id: subject })
const spelled = (spell: (token: string) => string) => async () => push(spell(await signEvents(honest())))
const asType = (type: string) => async () => push(await signEvents(honest()), { "Content-Type": type })
const unsigned = (alg: unknown) => async () => push(`${base64url({ ...HEADER, alg })}.${base64url(honest())}.AAAA`)
const ofSecond = (header: Readonly<Record<string, string>>) => async () =>
  push(
    await signEvents(
      claimsOf({ "session-revoked": {} }, personOf("alice", "https://second.test"), "second-signals"),
      "second-signals",
    ),
    header,
  )

const SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
const ACCOUNT_DISABLED = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
const RISK = "https://schemas.openid.net/secevent/caep/event-type/risk-level-change"

const request = (send: RefusedEvent["send"], reason: string): RefusedEvent => ({ send, err: "invalid_request", reason })
const denied = (send: RefusedEvent["send"], reason: string): RefusedEvent => ({ send, err: "access_denied", reason })
const badKey = (send: RefusedEvent["send"], reason: string): RefusedEvent => ({ send, err: "invalid_key", reason })

export const REFUSED_EVENTS: Readonly<Record<string, RefusedEvent>> = {
  // The request
  "declared as a JWT": request(asType("application/jwt"), "event_request_malformed"),
  "declared as JSON": request(asType("application/json"), "event_request_malformed"),
  packed: request(
    async () => push(await signEvents(honest()), { "Content-Encoding": "gzip" }),
    "event_request_malformed",
  ),
  empty: request(async () => push(""), "malformed"),
  "no token": request(async () => push(JSON.stringify(honest())), "malformed"),
  "two tokens": request(
    spelled((token) => `${token}\n${token}`),
    "malformed",
  ),
  oversize: request(withClaims({ pad: "x".repeat(16_384) }), "event_request_malformed"),
  // Its header
  "of no type": request(withHeader({ typ: undefined }), "type_refused"),
  "of the type JWT": request(withHeader({ typ: "JWT" }), "type_refused"),
  "of the type of an access token": request(withHeader({ typ: "at+jwt" }), "type_refused"),
  "of the type of a logout token": request(withHeader({ typ: "logout+jwt" }), "type_refused"),
  "with critical members": request(withHeader({ crit: ["exp"], exp: 0 }), "header_refused"),
  "with critical members that nobody knows": request(withHeader({ crit: ["urn:x"], "urn:x": 1 }), "header_refused"),
  "with its key in it": request(
    async () => push(await forge({ ...HEADER, jwk: await exportJWK(stranger.key) }, honest(), stranger)),
    "header_refused",
  ),
  "with the place of its key in it": request(withHeader({ jku: "https://evil.test/keys" }), "header_refused"),
  // Its signature
  unsigned: badKey(unsigned("none"), "algorithm_refused"),
  "unsigned, in another spelling": badKey(unsigned("NONE"), "algorithm_refused"),
  "by a shared secret": badKey(unsigned("HS256"), "algorithm_refused"),
  "by an algorithm that the stream does not have": badKey(withHeader({ alg: "RS256" }), "algorithm_refused"),
  "by a stranger's key under the stream's id": badKey(
    async () => push(await forge(HEADER, honest(), stranger)),
    "signature_invalid",
  ),
  "by the key of another stream": badKey(async () => push(await signEvents(honest(), "second-signals")), "key_unknown"),
  "by the key of another stream under the stream's id": badKey(
    async () => push(await signEvents(honest(), "watched", { kid: "signals-1" })),
    "signature_invalid",
  ),
  "by the key of the issuer's sessions": badKey(
    async () => push(await forge({ ...HEADER, kid: "idp-1" }, honest(), idp)),
    "key_unknown",
  ),
  "changed after it was signed": badKey(
    spelled((token) => {
      const [header = "", , signature = ""] = token.split(".")
      return `${header}.${base64url(honest())}.${signature}`
    }),
    "signature_invalid",
  ),
  "in base64url that is not canonical": request(
    spelled((token) => `${token}=`),
    "malformed",
  ),
  // Whose it is, and for whom
  "of an issuer that there is no stream of": {
    send: withClaims({ iss: "https://evil.test" }),
    err: "invalid_issuer",
    reason: "issuer_unknown",
  },
  "of the issuer of sessions": {
    send: withClaims({ iss: "https://idp.test" }),
    err: "invalid_issuer",
    reason: "issuer_unknown",
  },
  "of an issuer but for a slash": {
    send: withClaims({ iss: "https://signals.idp.test/" }),
    err: "invalid_issuer",
    reason: "issuer_unknown",
  },
  "of no issuer": { send: without("iss"), err: "invalid_issuer", reason: "issuer_unknown" },
  "of another stream's issuer by its own key": {
    send: withClaims({ iss: "https://watched.test" }),
    err: "invalid_key",
    reason: "key_unknown",
  },
  "for somebody else": {
    send: withClaims({ aud: "https://other.test/events" }),
    err: "invalid_audience",
    reason: "audience_mismatch",
  },
  "for our own URL, which is no audience of the stream": {
    send: withClaims({ aud: "https://authz.example" }),
    err: "invalid_audience",
    reason: "audience_mismatch",
  },
  "for nobody": { send: without("aud"), err: "invalid_audience", reason: "audience_mismatch" },
  "without its transmitter's key": { send: ofSecond({}), err: "authentication_failed", reason: "transmitter_unknown" },
  "with another key": {
    send: ofSecond({ Authorization: "Bearer another" }),
    err: "authentication_failed",
    reason: "transmitter_unknown",
  },
  "with the key in another scheme": {
    send: ofSecond({ Authorization: `Basic ${TRANSMITTER_KEY}` }),
    err: "authentication_failed",
    reason: "transmitter_unknown",
  },
  // Its claims
  "from the future": request(withClaims({ iat: now() + 600 }), "not_yet_valid"),
  "from the future by a typing error": request(withClaims({ iat: 15_203_800_012 }), "not_yet_valid"),
  "over a week old": request(withClaims({ iat: now() - 604_900 }), "expired"),
  expired: request(withClaims({ exp: now() - 600 }), "expired"),
  "not valid yet": request(withClaims({ nbf: now() + 600 }), "not_yet_valid"),
  "without a time": request(without("iat"), "claim_missing"),
  "with a time in words": request(withClaims({ iat: "now" }), "claim_mismatch"),
  "with a time of its event in words": request(withClaims({ toe: "now" }), "claim_mismatch"),
  "without a jti": request(without("jti"), "claim_missing"),
  "with an empty jti": request(withClaims({ jti: "" }), "claim_mismatch"),
  "with a long jti": request(withClaims({ jti: "j".repeat(257) }), "claim_mismatch"),
  "with a sub": request(withClaims({ sub: "alice" }), "claim_mismatch"),
  "without events": request(without("events"), "claim_missing"),
  "with no event": request(withClaims({ events: {} }), "claim_mismatch"),
  "with events in a list": request(withClaims({ events: [SESSION_REVOKED] }), "claim_mismatch"),
  "with an event that is no object": request(withClaims({ events: { [SESSION_REVOKED]: true } }), "claim_mismatch"),
  "with more events than anybody has": request(
    withClaims({ events: Object.fromEntries(Array.from({ length: 17 }, (_, nth) => [`https://o.test/${nth}`, {}])) }),
    "claim_mismatch",
  ),
  "with one member twice": request(
    async () => push(await forge(HEADER, JSON.stringify(honest()).replace('"jti"', '"jti":"twice","jti"'), signer())),
    "malformed",
  ),
  ...Object.fromEntries(
    [
      ["with one member twice in its subject", '"sub":"alice"', '"sub":"bob","sub":"alice"'],
      ["with two members that some readers take for one", '"sub":"alice"', '"sub":"alice","SUB":"bob"'],
      ["with a member twice, once in another spelling", '"sub":"alice"', '"s\\u0075b":"bob","sub":"alice"'],
      ["with an event twice", '"events":{', `"events":{"${SESSION_REVOKED}":{},`],
      ["with a prototype", '"events":{', '"events":{"__proto__":{},'],
      ["that ends twice", /$/, "}"],
      ["behind a byte order mark", /^/, "\ufeff"],
      ["with a number that no two readers read alike", '"sub_id"', '"event_timestamp":9007199254740993,"sub_id"'],
    ].map(([what, from, to]) => {
      const spell = async () =>
        push(await forge(HEADER, JSON.stringify(honest()).replace(from ?? "", String(to)), signer()))
      return [String(what), request(spell, "malformed")]
    }),
  ),
  // Of whom it may not speak
  "about a subject of another issuer": denied(about(personOf("alice", "https://second.test")), "subject_not_allowed"),
  "about a subject of an issuer that nobody knows": denied(
    about(personOf("alice", "https://nobody.test")),
    "subject_not_allowed",
  ),
  "about a subject of another issuer inside a complex one": denied(
    about({ format: "complex", user: personOf("alice", "https://second.test"), session: personOf("alice") }),
    "subject_not_allowed",
  ),
  "about an agent that the stream may not speak of": denied(
    about({ format: "uri", uri: "spiffe://example.org/agent/third" }),
    "subject_not_allowed",
  ),
  "about nobody": request(without("sub_id"), "event_malformed"),
  "about a subject without a format": request(about({ iss: "https://idp.test", sub: "alice" }), "event_malformed"),
  "about two subjects": request(
    withClaims({ events: { [SESSION_REVOKED]: { subject: personOf("bob") } } }),
    "event_malformed",
  ),
  // What it may not tell
  "with a level that is none": request(
    withClaims({ events: { [SESSION_REVOKED]: {}, [RISK]: { current_level: "EXTREME" } } }),
    "event_malformed",
  ),
  "with several events, of which one is not allowed": {
    send: async () => {
      const told = claimsOf({}, personOf("alice", "https://second.test"), "second-signals")
      const events = { [SESSION_REVOKED]: {}, [ACCOUNT_DISABLED]: {} }
      return push(await signEvents({ ...told, events }, "second-signals"), {
        Authorization: `Bearer ${TRANSMITTER_KEY}`,
      })
    },
    err: "access_denied",
    reason: "event_not_allowed",
  },
  // Tokens of other kinds
  "an ID token": { send: async () => push(await idToken("alice")), err: "invalid_issuer", reason: "issuer_unknown" },
  "an ID token of a stream's issuer": {
    send: async () =>
      push(
        await idToken("alice", { claims: { iss: "https://signals.idp.test", aud: "https://authz.example/v1/events" } }),
      ),
    err: "invalid_request",
    reason: "type_refused",
  },
  "an operator's access token": {
    send: async () => push(await accessToken("operator", "cli")),
    err: "invalid_issuer",
    reason: "issuer_unknown",
  },
  "a delegation token": {
    send: async () => push((await openTask("first")).token),
    err: "invalid_issuer",
    reason: "issuer_unknown",
  },
  "an agent's": { send: async () => push(await svid("first")), err: "invalid_issuer", reason: "issuer_unknown" },
}
