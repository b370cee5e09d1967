/**
 * The outside of a compact JWS (RFC 7515 7.1), stricter than the library that verifies it: base64url without padding,
 * blanks or stray trailing bits (RFC 4648 3.5), so that one token has one spelling; JSON without a key twice; a size cap
 * before anything is parsed; no header member that would choose the key or change what is signed.
 */
import { isObject, parseJson } from "../json.ts"
import { isDenied } from "../decision.ts"
import { reject, type Rejected } from "./rejection.ts"

export const MAX_TOKEN_LENGTH = 16_384

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
/** What the last character may be when 2 or 4 of its 6 bits are padding: those bits are zero. */
const LAST_OF_TWO = /[AQgw]$/
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/

/** Unverified: enough to choose the rules that a token must pass, never to pass them. */
export interface Compact {
  readonly token: string
  readonly header: Readonly<Record<string, unknown>> & {
    readonly alg: string
    readonly kid: string | null
    readonly typ: string | null
  }
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * `crit` names extensions that we must understand, and we understand none (RFC 7515 4.1.11); the others bring or point
 * to the key that is to verify them (RFC 8725 3.10, 3.11).
 */
const REFUSED_MEMBERS = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip"]

/** @param embedsKey a DPoP proof: it has to bring its key in `jwk` (RFC 9449 4.2) */
export function readCompact(token: string, embedsKey = false): Compact | Rejected {
  if (token.length > MAX_TOKEN_LENGTH) return reject({ reason: "malformed", what: "it is too long" })
  const [, headerPart, payloadPart, signature] = COMPACT.exec(token) ?? []
  if (headerPart === undefined || payloadPart === undefined || signature === undefined) {
    return reject({ reason: "malformed", what: "it is no compact JWS" })
  }
  if (![headerPart, payloadPart, signature].every(isCanonical)) {
    return reject({ reason: "malformed", what: "its base64url is not canonical" })
  }
  const header = decodeObject(headerPart)
  const claims = decodeObject(payloadPart)
  if (!header || !claims) return reject({ reason: "malformed", what: "it does not hold two JSON objects" })
  for (const member of REFUSED_MEMBERS) {
    if (member in header && !(embedsKey && member === "jwk")) return reject({ reason: "header_refused", member })
  }
  const { alg, kid = null, typ = null } = header
  if (typeof alg !== "string") return reject({ reason: "malformed", what: "it has no algorithm" })
  if (typ !== null && typeof typ !== "string") return reject({ reason: "malformed", what: "its type is no text" })
  if (kid !== null && (typeof kid !== "string" || kid.length > 256)) {
    return reject({ reason: "malformed", what: "its key id is no text, or too long" })
  }
  return { token, header: { ...header, alg, kid, typ }, claims }
}

function isCanonical(part: string): boolean {
  switch (part.length % 4) {
    case 1:
      return false
    case 2:
      return LAST_OF_TWO.test(part)
    case 3:
      return LAST_OF_THREE.test(part)
    default:
      return true
  }
}

function decodeObject(part: string): Readonly<Record<string, unknown>> | null {
  try {
    const bytes = Uint8Array.fromBase64(part, { alphabet: "base64url" })
    const parsed = parseJson(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))
    return !isDenied(parsed) && isObject(parsed.json) ? parsed.json : null
  } catch {
    return null
  }
}
