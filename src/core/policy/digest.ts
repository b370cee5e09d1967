/**
 * The name of a bundle: the SHA-256 of its bytes. Signing, storing and checking use the bytes as they are; only the
 * build makes them from a body.
 */
import type { BundleBody } from "./bundle.ts"
import { encode } from "./encode.ts"

/** The same `policies/` always gives the same bytes. Throws as `encode` does. */
export function canonicalBytes(body: BundleBody): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(encode(body)))
}

/** Lower-case hex SHA-256. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  // A pure function of its input that the platform computes; nothing else of `crypto` is used here.
  // oxlint-disable-next-line eslint/no-restricted-globals
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
