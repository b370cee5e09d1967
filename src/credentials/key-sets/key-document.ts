/**
 * A document with public keys: a JWK set (RFC 7517, section 5), or the bundle of one SPIFFE trust domain, which is
 * stricter.
 */
import * as z from "zod"
import { importKeys, type PublicKey } from "./public-key.ts"

export interface KeyDocument {
  readonly keys: readonly PublicKey[]
  /** Milliseconds after which it is to be fetched again. */
  readonly renewAfter: number
  /** `spiffe_sequence`: a smaller one is an older bundle. Null if the document has none. */
  readonly sequence: bigint | null
}

/** The default for a SPIFFE bundle, as SPIFFE Trust Domain and Bundle, section 4.1.2, recommends. */
const RENEW_AFTER_MS = 300_000
const RENEW_AFTER_AT_LEAST_MS = 10_000
const RENEW_AFTER_AT_MOST_MS = 1_800_000

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })
const spiffeSchema = jwksSchema.extend({
  spiffe_sequence: z
    .union([z.int(), z.bigint()])
    .transform(BigInt)
    .refine((sequence) => sequence >= 0n)
    .nullable()
    .default(null),
  // A malformed hint is ignored: it must not make us miss a document that revokes keys.
  spiffe_refresh_hint: z.number().nonnegative().nullish().catch(null),
})

/**
 * Throws if the document is invalid. Keys that may not be used are left out. A SPIFFE bundle whose `keys` are empty
 * revokes all earlier ones (SPIFFE Trust Domain and Bundle, sections 4.1 and 4.2).
 */
export async function readKeyDocument(
  text: string,
  kind: "jwks" | "spiffe_bundle",
  algorithms: readonly string[],
): Promise<KeyDocument> {
  const document: unknown = JSON.parse(text, exactly)
  if (kind === "jwks") {
    const keys = await importKeys(jwksSchema.parse(document).keys, algorithms, "sig")
    return { keys, renewAfter: RENEW_AFTER_MS, sequence: null }
  }
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: hint } = spiffeSchema.parse(document)
  const wished = hint === undefined || hint === null ? RENEW_AFTER_MS : hint * 1000
  const renewAfter = Math.min(RENEW_AFTER_AT_MOST_MS, Math.max(RENEW_AFTER_AT_LEAST_MS, wished))
  return { keys: await importKeys(keys, algorithms, "jwt-svid"), renewAfter, sequence }
}

/** `spiffe_sequence` has 64 bits, of which a number holds 53: two successive bundles would look the same. */
function exactly(_name: string, value: unknown, { source = "" }: { readonly source?: string } = {}): unknown {
  return typeof value === "number" && /^-?\d+$/.test(source) && !Number.isSafeInteger(value) ? BigInt(source) : value
}
