/** Transmitters of the yard's streams of events: what they sign, and how they push it. */
import { SignJWT } from "jose"
import { z } from "zod"
import { sha256Hex } from "../../src/core/encoding/hash.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { StreamDefinition } from "../../src/core/policy/definition/streams.ts"
import { EVENTS, type EventClaims } from "../../src/core/policy/definition/security-events.ts"
import { knock } from "./door.ts"
import { IDP, newSigner, second, US, type Signer } from "./issuers.ts"

const [signals, watched] = [await newSigner("signals-1"), await newSigner("watched-1")]
export const SIGNER_OF: Readonly<Record<string, Signer>> = { "idp-signals": signals, "second-signals": second, watched }

/** What the second stream's transmitter presents. */
export const TRANSMITTER_KEY = "key-of-the-transmitter"

/** The bundle with the streams' keys inline. */
export function withStreamKeys(body: BundleBody): BundleBody {
  const streams = body.streams.map((stream): StreamDefinition => {
    const jwk = SIGNER_OF[stream.id]?.publicJwk
    const keyed = stream.id === "second-signals" ? { ...stream, key_sha256: [sha256Hex(TRANSMITTER_KEY)] } : stream
    return jwk ? { ...keyed, keys: { kind: "inline", jwks: { keys: [{ ...jwk }] } } } : keyed
  })
  return { ...body, streams }
}

export const EVENTS_AUDIENCE = `${US}/v1/events`
const ISSUER_OF: Readonly<Record<string, string>> = {
  "idp-signals": "https://signals.idp.test",
  "second-signals": "https://second.test",
  watched: "https://watched.test",
}

export const personOf = (sub: string, iss = IDP): Readonly<Record<string, unknown>> => ({ format: "iss_sub", iss, sub })

/** Claims of a token that tells of these events. */
export function claimsOf(
  events: Readonly<Record<string, EventClaims>>,
  subject: unknown = personOf("alice"),
  stream = "idp-signals",
): Readonly<Record<string, unknown>> {
  const named = Object.entries(events).map(([name, told]) => [typeOf(name), told])
  const times = { iat: Math.floor(Date.now() / 1000), jti: crypto.randomUUID() }
  const about = subject === undefined ? {} : { sub_id: subject }
  return { iss: ISSUER_OF[stream], aud: EVENTS_AUDIENCE, ...times, ...about, events: Object.fromEntries(named) }
}

function typeOf(name: string): string {
  return Object.entries(EVENTS).find(([known]) => known === name)?.[1].type ?? name
}

export async function signEvents(
  claims: Readonly<Record<string, unknown>>,
  stream = "idp-signals",
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const signer = SIGNER_OF[stream] ?? signals
  const protectedHeader = { alg: "ES256", kid: signer.publicJwk.kid ?? "", typ: "secevent+jwt", ...header }
  return new SignJWT({ ...claims }).setProtectedHeader(protectedHeader).sign(signer.key)
}

export interface EventAnswer {
  readonly status: number
  /** Empty where it was taken. */
  readonly err: string
  readonly decision: string
  readonly headers: Headers
}

const refused = z.union([
  z.strictObject({ err: z.string(), description: z.string() }),
  z.strictObject({ error: z.string(), error_description: z.string() }),
])

export async function push(token: string, headers: Readonly<Record<string, string>> = {}): Promise<EventAnswer> {
  const sent = { "Content-Type": "application/secevent+jwt", Accept: "application/json", ...headers }
  const response = await knock(new Request(`${US}/v1/events`, { method: "POST", headers: sent, body: token }))
  const { status } = response
  const decision = response.headers.get("X-Narrowgate-Decision") ?? ""
  const text = await response.text()
  if (text === "") return { status, err: "", decision, headers: response.headers }
  const body = refused.parse(JSON.parse(text))
  return { status, err: "err" in body ? body.err : body.error, decision, headers: response.headers }
}

/** Signed by the stream that says it, pushed as its transmitter does. */
export async function tell(
  events: Readonly<Record<string, EventClaims>>,
  subject: unknown = personOf("alice"),
  stream = "idp-signals",
): Promise<EventAnswer> {
  const token = await signEvents(claimsOf(events, subject, stream), stream)
  return push(token, stream === "second-signals" ? { Authorization: `Bearer ${TRANSMITTER_KEY}` } : {})
}
