/** Canonical JSON (RFC 8785), so that neither the order of keys nor spacing matters. */
import canonicalize from "canonicalize"
import type { CallArguments } from "../catalog/arguments.ts"
import { hmacSha256Hex, sha256Hex } from "./hash.ts"

/** Undefined for what JSON cannot say. */
export function canonicalText(value: unknown): string | undefined {
  // By far the most common values, and written the same way.
  if (typeof value === "string" || typeof value === "boolean" || value === null) return JSON.stringify(value)
  return canonicalize(value)
}

/**
 * SHA-256 of a call's arguments in canonical JSON, for the ledger's own use: whoever can guess the arguments can confirm
 * the guess. Computed once: guardrails, approvals and the record ask for it of one call. Null if there are no arguments, or if they were not seen in full.
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
const hashes = new WeakMap<CallArguments, string | null>()

/**
 * What a decision record shows of them: HMAC-SHA-256 with a secret of the Worker, over the decision and that hash. With
 * the decision, because of two records that were hashed alike one would tell the other's: an agent could make the same
 * call with each value that a redacted argument may have.
 * @param key hex; null: there is none to be had
 */
export function argumentsDigest(args: CallArguments, decision: string, key: string | null): string | null {
  const hash = key === null ? null : argumentsHash(args)
  return key === null || hash === null ? null : hmacSha256Hex(key, `${decision}\n${hash}`)
}
