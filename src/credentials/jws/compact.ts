/**
 * The syntax of a compact JWS (RFC 7515, section 7.1), stricter than the library that verifies it. It is base64url
 * without padding, blanks or stray trailing bits (RFC 4648, section 3.5), so that one token has one spelling. Its JSON
 * has no duplicate key, its size is limited before anything is parsed, and no header member chooses the key or changes
 * what is signed.
 */
import { isObject, readJson } from "../../core/encoding/json.ts"
import { isRejected, ofCredential, reject, type Rejected } from "../../core/denials/terms/credential-rejection.ts"

export const MAX_TOKEN_LENGTH = 16_384

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
/** The last character if 2 or 4 of its 6 bits are padding: those bits are zero. */
const LAST_OF_TWO = /[AQgw]$/
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/

/** Unverified: enough to choose the rules that a token must meet, never to meet them. */
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
 * `crit` names extensions that we must understand, and we understand none (RFC 7515, section 4.1.11). The others bring
 * or reference the key that is to verify the token (RFC 8725, sections 3.10 and 3.11).
 */
const REFUSED_MEMBERS = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip"]

/** @param embedsKey true for a DPoP proof, which has its key in `jwk` (RFC 9449, section 4.2) */
export function readCompact(token: string, embedsKey = false): Compact | Rejected {
  return ofCredential(read(token, embedsKey), token)
}

function read(token: string, embedsKey: boolean): Compact | Rejected {
  const parts = partsOf(token)
  if (isRejected(parts)) return parts
  const header = readHeader(parts.header, embedsKey)
  if (isRejected(header)) return header
  const claims = readClaims(parts.claims)
  return isRejected(claims) ? claims : { token, ...header, ...claims }
}

/** The three parts as they are in the token, in base64url. */
export interface Parts {
  readonly header: string
  readonly claims: string
  readonly signature: string
}

export function partsOf(token: string): Parts | Rejected {
  if (token.length > MAX_TOKEN_LENGTH) return malformed("it is too long")
  const [, header, claims, signature] = COMPACT.exec(token) ?? []
  if (header === undefined || claims === undefined || signature === undefined) return malformed("it is no compact JWS")
  return isCanonical(header) && isCanonical(claims) && isCanonical(signature)
    ? { header, claims, signature }
    : malformed("its base64url is not canonical")
}

/** @param part of `partsOf` */
export function readHeader(part: string, embedsKey: boolean): Pick<Compact, "header"> | Rejected {
  const read = decodeObject(part, "header")
  if (isRejected(read)) return read
  const { object } = read
  for (const member of REFUSED_MEMBERS) {
    if (member in object && !(embedsKey && member === "jwk")) return reject({ reason: "header_refused", member })
  }
  const { alg, kid = null, typ = null } = object
  if (typeof alg !== "string") return malformed("it has no algorithm")
  if (typ !== null && typeof typ !== "string") return malformed("its type is no text")
  if (kid !== null && (typeof kid !== "string" || kid.length > 256)) {
    return malformed("its key id is no text, or too long")
  }
  return { header: { ...object, alg, kid, typ } }
}

/** @param part of `partsOf` */
export function readClaims(part: string): Pick<Compact, "claims"> | Rejected {
  const read = decodeObject(part, "claims")
  return isRejected(read) ? read : { claims: read.object }
}

function malformed(what: string): Rejected {
  return reject({ reason: "malformed", what })
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

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** With the exact error: the issuer has to know which part of a token cannot be read, and why. */
function decodeObject(
  part: string,
  name: "header" | "claims",
): { readonly object: Readonly<Record<string, unknown>> } | Rejected {
  const refuse = (objection: string): Rejected => malformed(`its ${name}: ${objection}`)
  let text: string
  try {
    text = utf8.decode(Uint8Array.fromBase64(part, { alphabet: "base64url" }))
  } catch {
    return refuse("it is not UTF-8")
  }
  const read = readJson(text)
  if ("objection" in read) return refuse(read.objection)
  return isObject(read.json) ? { object: read.json } : refuse("it is no object")
}
