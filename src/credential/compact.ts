/**
 * The outside of a compact JWS (RFC 7515 7.1), stricter than the library that verifies it: base64url without padding,
 * blanks or stray trailing bits (RFC 4648 3.5), so that one token has one spelling; a size cap before anything is parsed.
 */
import { z } from "zod"

export const MAX_TOKEN_LENGTH = 16_384

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
/** What the last character may be when 2 or 4 of its 6 bits are padding: those bits are zero. */
const LAST_OF_TWO = /[AQgw]$/
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/

/** Null where the text is no compact JWS in its one canonical spelling. */
export function splitCompact(token: string): { readonly header: string; readonly payload: string } | null {
  if (token.length > MAX_TOKEN_LENGTH) return null
  const [, header, payload, signature] = COMPACT.exec(token) ?? []
  if (header === undefined || payload === undefined || signature === undefined) return null
  return [header, payload, signature].every(isCanonical) ? { header, payload } : null
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

const headerSchema = z.object({
  alg: z.string(),
  kid: z.string().max(256).optional(),
  typ: z.string().optional(),
})

const routingSchema = z.object({ iss: z.string().optional(), sub: z.string().optional() })

/** Header and issuer of a token, unverified: enough to choose the rules it must pass, never to pass them. */
export function peek(token: string): (z.infer<typeof headerSchema> & z.infer<typeof routingSchema>) | null {
  const parts = splitCompact(token)
  if (!parts) return null
  const header = headerSchema.safeParse(decodeJson(parts.header))
  const claims = routingSchema.safeParse(decodeJson(parts.payload))
  return header.success && claims.success ? { ...header.data, ...claims.data } : null
}

function decodeJson(part: string): unknown {
  try {
    const bytes = Uint8Array.fromBase64(part, { alphabet: "base64url" })
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}
