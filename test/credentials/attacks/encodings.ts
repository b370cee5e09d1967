/** Encoding: one token has one spelling, and what two readers could read in two ways is read by none (RFC 8725 2.6). */
import type { CredentialRejection } from "../../../src/core/denials/terms/credential-rejection.ts"
import { assertionOf, idTokenOf, svidOf, type Changes } from "../../harness/besieged.ts"
import { openTask } from "../../harness/agents.ts"
import {
  agentRefused,
  asActor,
  asBearer,
  asIdToken,
  attack,
  callRefused,
  exchange,
  MALFORMED,
  requestRefused,
  subjectRefused,
  tokenRefused,
  unreadable,
  type Attacks,
  type Expected,
} from "../../harness/attacks.ts"
import { base64url, type Part } from "../../harness/forge.ts"

const { notCompact, notCanonical, tooLong } = MALFORMED
const SIGNATURE: CredentialRejection = { reason: "signature_invalid" }

type Parts = readonly [header: string, claims: string, signature: string]
const partsOf = (token: string): Parts => {
  const [header = "", claims = "", signature = ""] = token.split(".")
  return [header, claims, signature]
}

/** The last character carries bits that mean nothing: another one, decoded loosely, gives the very same bytes. */
function otherLast(part: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  return part.slice(0, -1) + (alphabet[alphabet.indexOf(part.slice(-1)) + 1] ?? "")
}
const standard = (part: string) => part.replaceAll("-", "+").replaceAll("_", "/")

/** What becomes of an honest token on the way, and why it is refused then. */
const SPELLINGS: Readonly<Record<string, readonly [(parts: Parts) => string, CredentialRejection]>> = {
  "the signature cut off": [([h, c]) => `${h}.${c}.`, notCompact],
  "the signature and its dot cut off": [([h, c]) => `${h}.${c}`, notCompact],
  "no header": [([, c, s]) => `.${c}.${s}`, notCompact],
  "no claims": [([h, , s]) => `${h}..${s}`, notCompact],
  "dots alone": [() => "..", notCompact],
  "one part": [([h]) => h, notCompact],
  "four parts": [([h, c, s]) => `${h}.${c}.${s}.${s}`, notCompact],
  "five parts, as of a JWE": [([h, c, s]) => `${h}.${c}.${s}.${c}.${s}`, notCompact],
  "a dot at the end": [([h, c, s]) => `${h}.${c}.${s}.`, notCompact],
  "a dot at the beginning": [([h, c, s]) => `.${h}.${c}.${s}`, notCompact],
  "JSON serialization, flattened": [
    ([h, c, s]) => JSON.stringify({ protected: h, payload: c, signature: s }),
    notCompact,
  ],
  "JSON serialization, general": [
    ([h, c, s]) => JSON.stringify({ payload: c, signatures: [{ protected: h, signature: s }] }),
    notCompact,
  ],
  padding: [([h, c, s]) => `${h}.${c}.${s}==`, notCompact],
  "padding, encoded": [([h, c, s]) => `${h}.${c}.${s}%3D%3D`, notCompact],
  "the alphabet of plain base64": [([h, c, s]) => `${h}.${c}.${standard(s)}+/`, notCompact],
  "a blank before it": [([h, c, s]) => ` ${h}.${c}.${s}`, notCompact],
  "a blank behind it": [([h, c, s]) => `${h}.${c}.${s} `, notCompact],
  "a blank inside": [([h, c, s]) => `${h}.${c}. ${s}`, notCompact],
  "a line break behind it": [([h, c, s]) => `${h}.${c}.${s}\n`, notCompact],
  "a line break inside": [([h, c, s]) => `${h}.\r\n${c}.${s}`, notCompact],
  "a tab inside": [([h, c, s]) => `${h}\t.${c}.${s}`, notCompact],
  "a NUL behind it": [([h, c, s]) => `${h}.${c}.${s}\u0000`, notCompact],
  "an invisible blank behind it": [([h, c, s]) => `${h}.${c}.${s}\u200b`, notCompact],
  "full-width dots": [([h, c, s]) => `${h}．${c}．${s}`, notCompact],
  "an SD-JWT's tilde": [([h, c, s]) => `${h}.${c}.${s}~`, notCompact],
  "'Bearer ' before it": [([h, c, s]) => `Bearer ${h}.${c}.${s}`, notCompact],
  "bits in the signature that mean nothing": [([h, c, s]) => `${h}.${c}.${otherLast(s)}`, notCanonical],
  "a character too many in the signature": [([h, c, s]) => `${h}.${c}.${s}AAA`, notCanonical],
  "bytes behind the signature": [([h, c, s]) => `${h}.${c}.${s.slice(0, -1)}AAAAAA`, SIGNATURE],
  "bytes cut off the signature": [([h, c, s]) => `${h}.${c}.${s.slice(0, 80)}`, SIGNATURE],
  "a signature of zeros": [([h, c]) => `${h}.${c}.${base64url(new Uint8Array(64))}`, SIGNATURE],
  "a signature of one byte": [([h, c]) => `${h}.${c}.AA`, SIGNATURE],
  "a signature in DER": [
    ([h, c, s]) => {
      const raw = Uint8Array.fromBase64(s, { alphabet: "base64url" })
      const integer = (bytes: Uint8Array) => [2, bytes.length + 1, 0, ...bytes]
      const both = [...integer(raw.slice(0, 32)), ...integer(raw.slice(32))]
      return `${h}.${c}.${base64url(new Uint8Array([0x30, both.length, ...both]))}`
    },
    SIGNATURE,
  ],
  "its claims in the header's place too": [
    ([, c, s]) => `${c}.${c}.${s}`,
    { reason: "malformed", what: "it has no algorithm" },
  ],
}

const DOORS: Readonly<
  Record<
    string,
    readonly [() => Promise<string>, (token: string) => Promise<Request>, (because: CredentialRejection) => Expected]
  >
> = {
  session: [async () => idTokenOf("alice"), asIdToken, subjectRefused],
  "JWT-SVID": [async () => svidOf("first"), asActor, agentRefused],
}
const spellings = Object.fromEntries(
  Object.entries(DOORS).flatMap(([door, [make, send, refused]]) =>
    Object.entries(SPELLINGS).map(([what, [respell, because]]) => [
      `${door}: ${what}`,
      attack(refused(because), async () => send(respell(partsOf(await make())))),
    ]),
  ),
)

/** At the gateway what is no token is refused with the header that it stands in. */
const malformedCall = callRefused({ reason: "authorization_malformed" })
const ofDelegation: Attacks = Object.fromEntries(
  Object.entries(SPELLINGS)
    // A header cannot hold these, or loses them before anybody reads it.
    .filter(([what]) => !/NUL|line break|invisible|full-width|blank behind|blank before/.test(what))
    .map(([what, [respell, because]]) => {
      const inAlphabet = !/serialization|padding|base64|blank|tab|tilde|Bearer/.test(what)
      const malformed = "what" in because && callRefused({ reason: "token_malformed", what: because.what })
      const refused = inAlphabet ? malformed || tokenRefused(because.reason) : malformedCall
      return [
        `delegation token: ${what}`,
        attack(refused, async () => asBearer(respell(partsOf((await openTask()).token)))),
      ]
    }),
)

type Respell = Pick<Changes, "headerText" | "claimsText">
const session = async (changes: Respell) => asIdToken(await idTokenOf("alice", changes))
type Objection = Parameters<typeof unreadable>[1]
const claims = (objection: Objection, respell: (text: string) => Part) =>
  attack(subjectRefused(unreadable("claims", objection)), async () => session({ claimsText: respell }))
const header = (objection: Objection, respell: (text: string) => Part) =>
  attack(subjectRefused(unreadable("header", objection)), async () => session({ headerText: respell }))
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const withByte = (text: string, marker: string, ...inserted: readonly number[]): Uint8Array => {
  const [before = "", after = ""] = text.split(marker)
  return new Uint8Array([...bytes(before + marker), ...inserted, ...bytes(after)])
}
const more = (members: string) => (text: string) => `{${members},${text.slice(1)}`
const moreBehind = (members: string) => (text: string) => `${text.slice(0, -1)},${members}}`
const nested = (depth: number) => `"x":${"[".repeat(depth)}${"]".repeat(depth)}`

async function deflated(text: string): Promise<Uint8Array> {
  const stream = new Response(text).body?.pipeThrough(new CompressionStream("deflate-raw"))
  return new Response(stream ?? null).bytes()
}

/** Signed by the one who may sign: read loosely, each would be somebody's session. */
const TEXTS: Attacks = {
  "sub twice, the first another's": claims("keyTwice", more('"sub":"bob"')),
  "sub twice, the last another's": claims("keyTwice", moreBehind('"sub":"bob"')),
  "sub twice, one escaped": claims("keyTwice", moreBehind(String.raw`"\u0073ub":"bob"`)),
  "sub twice, one in upper case": claims("keyTwice", moreBehind('"SUB":"bob"')),
  "sub twice, one by a letter that folds": claims("keyTwice", moreBehind('"ſub":"bob"')),
  "iss twice": claims("keyTwice", more('"iss":"https://second.test"')),
  "aud twice": claims("keyTwice", moreBehind('"aud":"other"')),
  "exp twice": claims("keyTwice", moreBehind('"exp":4000000000')),
  "a key twice, deep inside": claims("keyTwice", moreBehind('"x":[{"y":{"a":1,"a":2}}]')),
  "a key that no object may have": claims("prototype", moreBehind('"__proto__":{"groups":["staff"]}')),
  "alg twice, the first none": header("keyTwice", more('"alg":"none"')),
  "alg twice, the last none": header("keyTwice", moreBehind('"alg":"none"')),
  "alg twice, one escaped": header("keyTwice", moreBehind(String.raw`"\u0061lg":"none"`)),
  "alg twice, one in upper case": header("keyTwice", moreBehind('"ALG":"none"')),
  "kid twice": header("keyTwice", moreBehind('"kid":"other"')),
  "typ twice": header("keyTwice", moreBehind('"typ":"at+jwt"')),
  "claims not UTF-8": claims("notUtf8", (text) => withByte(text, '"sub":"', 0xff)),
  "claims with an overlong NUL": claims("notUtf8", (text) => withByte(text, '"sub":"', 0xc0, 0x80)),
  "claims with half a character, raw": claims("notUtf8", (text) => withByte(text, '"sub":"', 0xed, 0xa0, 0x80)),
  "claims with half a character, escaped": claims("halfCharacter", (text) =>
    text.replace('"sub":"', String.raw`"sub":"\ud800`),
  ),
  "claims with a byte order mark": claims("notJson", (text) => new Uint8Array([0xef, 0xbb, 0xbf, ...bytes(text)])),
  "claims in UTF-16": claims(
    "notJson",
    (text) => new Uint8Array(Array.from(text).flatMap((c) => [c.charCodeAt(0), 0])),
  ),
  "header not UTF-8": header("notUtf8", (text) => withByte(text, '"typ":"', 0xff)),
  "header with a byte order mark": header("notJson", (text) => new Uint8Array([0xef, 0xbb, 0xbf, ...bytes(text)])),
  "claims a list": claims("noObject", (text) => `[${text}]`),
  "claims a text": claims("noObject", (text) => JSON.stringify(text)),
  "claims null": claims("noObject", () => "null"),
  "claims two objects": claims("notJson", (text) => text + text),
  "claims with something behind": claims("notJson", (text) => `${text};`),
  "claims with a comment": claims("notJson", (text) => text.replace("{", "{/**/")),
  "claims with a comma at the end": claims("notJson", (text) => text.replace(/\}$/, ",}")),
  "claims in single quotes": claims("notJson", (text) => text.replaceAll('"', "'")),
  "claims a form": claims("notJson", () => "iss=https://idp.test&sub=alice"),
  "claims a token": claims("notJson", (text) => `${base64url({ alg: "none" })}.${base64url(text)}.`),
  "header a list": header("noObject", (text) => `[${text}]`),
  "header null": header("noObject", () => "null"),
  "claims that nest deep": claims("tooDeep", moreBehind(nested(65))),
  "claims that nest as deep as they may be long": claims("tooDeep", moreBehind(nested(5_000))),
  "header that nests deep": header("tooDeep", moreBehind(nested(4_000))),
  "claims compressed, and said to be": attack(subjectRefused({ reason: "header_refused", member: "zip" }), async () => {
    const packed = await deflated('{"iss":"https://idp.test"}')
    return session({ claimsText: () => packed, headerText: moreBehind('"zip":"DEF"') })
  }),
  "claims compressed, and not said to be": attack(subjectRefused(unreadable("claims", "notUtf8")), async () => {
    const packed = await deflated('{"iss":"https://idp.test"}')
    return session({ claimsText: () => packed })
  }),
  "claims not encoded at all": attack(subjectRefused(notCompact), async () => {
    const [head, , signature] = partsOf(await idTokenOf("alice"))
    return asIdToken(`${head}.{"iss":"https://idp.test"}.${signature}`)
  }),
}

const long = "x".repeat(16_384)
export const encodings: Attacks = {
  ...spellings,
  ...ofDelegation,
  ...TEXTS,
  "session with a header too long": attack(subjectRefused(tooLong), async () =>
    session({ headerText: moreBehind(`"x":"${long}"`) }),
  ),
  "session with claims too long": attack(subjectRefused(tooLong), async () =>
    session({ claimsText: moreBehind(`"x":"${long}"`) }),
  ),
  "JWT-SVID too long": attack(agentRefused(tooLong), async () =>
    asActor(await svidOf("first", { claims: { x: long } })),
  ),
  "client assertion too long": attack(agentRefused(tooLong), async () =>
    asActor(await assertionOf({ header: { x: long } })),
  ),
  "session of a megabyte": attack(
    requestRefused({ reason: "request_malformed", what: "its body is too long, not UTF-8, or did not come in time" }),
    async () => asIdToken(await idTokenOf("alice", { claims: { x: "x".repeat(1_000_000) } })),
  ),
  "delegation token of a megabyte": attack(
    callRefused({ reason: "token_malformed", what: "it is too long" }),
    async () => asBearer(`${(await openTask()).token}${"A".repeat(1_000_000)}`),
  ),
  "delegation token of thirty kilobytes": attack(
    callRefused({ reason: "token_malformed", what: "it is too long" }),
    async () => asBearer(`${(await openTask()).token}${"A".repeat(30_000)}`),
  ),
  "no text at all for a session": attack(
    requestRefused({ reason: "parameter_missing", parameter: "subject_token" }),
    async () => exchange({ subject_token: "" }),
  ),
}
