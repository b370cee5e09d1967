/**
 * Hash of a call's arguments: SHA-256 of their canonical JSON (RFC 8785), so that key order and spacing do not matter.
 */
import canonicalize from "canonicalize"
import type { CallArguments } from "./catalog/arguments.ts"
import { sha256Hex } from "./hash.ts"

/** Null where there are no arguments, or where they were not seen in full. */
export function argumentsHash(args: CallArguments): string | null {
  if (!args.complete || Object.keys(args.values).length === 0) return null
  const text = canonicalize(args.values)
  return text === undefined ? null : sha256Hex(text)
}
