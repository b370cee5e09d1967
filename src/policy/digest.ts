/**
 * The name of a bundle: the SHA-256 of its bytes. Whoever signs, stores or checks one takes the bytes as they are;
 * only the build makes them from a body.
 */
import type { BundleBody } from "./bundle.ts"

/** JSON without spaces, members in the order of their names: the same `policies/` always gives the same bytes. */
export function canonicalBytes(body: BundleBody): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(JSON.stringify(body, sortMembers)))
}

/** Lower-case hex SHA-256. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

// The official engine promises no order of the members in the JSON it makes.
function sortMembers(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
