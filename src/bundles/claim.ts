/**
 * The claim: once in the life of a deployment, the holder of its secret CLAIM registers the first publisher's key, and
 * fixes the URL by which the deployment is known. Two proofs are required. A signature by the very key over that URL
 * shows that the claimant holds the private half. A message authentication code by the secret over that signed statement
 * shows that they know the secret, which itself is never sent: a server that poses as the deployment learns nothing that
 * would be good at the real one, whose URL is another.
 */
import { compactVerify, importJWK } from "jose"
import * as z from "zod"
import type { Ownership, Settings } from "../platform/config.ts"
import { isLoopback } from "../core/encoding/url.ts"
import { CLAIM_TYPE } from "../core/policy/bundle.ts"

/** A statement is accepted for this long after it was made, and before, because clocks differ. */
const FRESH_MS = 300_000
const MAX_STATEMENT = 4_096

export const claimSchema = z.strictObject({
  statement: z.string().max(MAX_STATEMENT).describe("A compact JWS (ES256) over the URL, by the key that it names."),
  proof: z.base64url().length(43).describe("HMAC-SHA-256 over the statement, by the secret CLAIM."),
})

export interface Claim extends z.infer<typeof claimSchema> {
  /** What the deployment becomes. */
  readonly ownership: Ownership
  readonly kid: string
}

/** A coordinate on P-256, 32 bytes. */
const coordinate = z.base64url().length(43)
/** Strict: a statement that also has the private half is not accepted, and its key is spoilt. */
const header = z.object({
  typ: z.literal(CLAIM_TYPE),
  kid: z.string().regex(/^[!-~]{1,256}$/u),
  jwk: z.strictObject({ kty: z.literal("EC"), crv: z.literal("P-256"), x: coordinate, y: coordinate }),
})
const payload = z.object({ aud: z.string(), iat: z.int().positive() })

/**
 * Reads a claim without the secret, which only the object of publications compares.
 * @param origin at which the request arrived
 * @returns what is wrong with it, as a sentence for the claimant
 */
export async function readClaim(
  { statement, proof }: z.infer<typeof claimSchema>,
  origin: string,
  { stated }: Settings,
  now: number,
): Promise<Claim | { readonly wrong: string }> {
  const signed = await verify(statement)
  if (!signed) return { wrong: "The statement is not signed by the key that it names." }
  const { jwk, kid, aud, at } = signed
  if (Math.abs(now - at) > FRESH_MS) return { wrong: "The statement is older than five minutes, or a clock is wrong." }
  const issuer = stated.issuer ?? origin
  if (aud !== issuer) return { wrong: `The statement is for ${quoted(aud)}, and this is ${quoted(issuer)}.` }
  if (stated.issuer === null && !mayBeIssuer(issuer)) return { wrong: `${quoted(issuer)} is not https. ${BEHIND_TLS}` }
  if (stated.publisherKeys && !stated.publisherKeys.keys.some(({ x, y }) => x === jwk.x && y === jwk.y))
    return { wrong: "PUBLISHER_KEYS of the configuration does not have this key." }
  const publisherKeys = { keys: [{ ...jwk, kid, alg: "ES256", use: "sig" }] }
  return { statement, proof, kid, ownership: { issuer, publisherKeys } }
}

const BEHIND_TLS = "If something in front of it ends TLS, set ISSUER in its configuration to the public URL."

const quoted = (url: string): string => JSON.stringify(url.slice(0, 256))

/** Only on this machine does nobody else read traffic without TLS. */
function mayBeIssuer(origin: string): boolean {
  const url = new URL(origin)
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url))
}

interface Signed extends z.infer<typeof header> {
  readonly aud: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

async function verify(statement: string): Promise<Signed | null> {
  try {
    const { payload: bytes, protectedHeader } = await compactVerify(
      statement,
      async (named) => importJWK(header.parse(named).jwk, "ES256"),
      { algorithms: ["ES256"] },
    )
    const { aud, iat } = payload.parse(JSON.parse(new TextDecoder().decode(bytes)))
    return { ...header.parse(protectedHeader), aud, at: iat * 1_000 }
  } catch {
    return null
  }
}

/** Whether the proof is by the secret. The platform compares in constant time. */
export async function isProven(
  secret: string,
  { statement, proof }: Pick<Claim, "statement" | "proof">,
): Promise<boolean> {
  const encoder = new TextEncoder()
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), HMAC, false, ["verify"])
  const code = Uint8Array.fromBase64(proof, { alphabet: "base64url" })
  return crypto.subtle.verify("HMAC", key, code, encoder.encode(statement))
}

const HMAC = { name: "HMAC", hash: "SHA-256" }
