/** Canonical JSON (RFC 8785), in which neither the order of keys nor spacing matters. */
import canonicalize from "canonicalize"

/** Undefined for what JSON cannot express. */
export function canonicalText(value: unknown): string | undefined {
  // By far the most common values, and written the same way.
  if (typeof value === "string" || typeof value === "boolean" || value === null) return JSON.stringify(value)
  return canonicalize(value)
}
