/** Canonical JSON (RFC 8785), so that neither the order of keys nor spacing matters. */
import canonicalize from "canonicalize"
import type { CallArguments } from "./catalog/arguments.ts"
import { sha256Hex } from "./hash.ts"

/** Undefined for what JSON cannot say. */
export function canonicalText(value: unknown): string | undefined {
  // By far the most common values, and written the same way.
  if (typeof value === "string" || typeof value === "boolean" || value === null) return JSON.stringify(value)
  return canonicalize(value)
}

/**
 * Hash of a call's arguments: SHA-256 of their canonical JSON. Null where there are no arguments, or where they were
 * not seen in full.
 */
export function argumentsHash(args: CallArguments): string | null {
  if (!args.complete || Object.keys(args.values).length === 0) return null
  let hash = hashes.get(args)
  if (hash === undefined) {
    const text = canonicalize(args.values)
    hashes.set(args, (hash = text === undefined ? null : sha256Hex(text)))
  }
  return hash
}
/** A guardrail, a record and a token may all ask for one call. */
const hashes = new WeakMap<CallArguments, string | null>()
