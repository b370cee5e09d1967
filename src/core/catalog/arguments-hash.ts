/** Hashes of the arguments of a call, apart from what reads them (arguments.ts), which takes no package. */
import canonicalize from "canonicalize"
import { sha256Hex, hmacSha256Hex } from "../encoding/hash.ts"
import type { CallArguments } from "./arguments.ts"

/**
 * SHA-256 of a call's arguments in canonical JSON, for the ledger's own use only: a reader who can guess the arguments
 * could confirm the guess. Computed once for guardrails, approvals and the record of a call. Null if there are no
 * arguments, or if they were not seen in full.
 */
export function argumentsHash(args: CallArguments): string | null {
  if (!args.complete || Object.keys(args.values).length === 0) return null
  let hash = hashes.get(args)
  if (hash === undefined) {
    const text = canonicalArguments(args)
    hashes.set(args, (hash = text === undefined ? null : sha256Hex(text)))
  }
  return hash
}

const hashes = new WeakMap<CallArguments, string | null>()

/**
 * What a decision record shows of the arguments: HMAC-SHA-256 of the decision's id and the arguments in canonical JSON,
 * with a secret of the Worker. The id is included because of two records with equal hashes one would disclose the
 * other's arguments: an agent could make the same call with each value that a redacted argument may have.
 * @param key hex; null if it is unavailable
 */
export function argumentsDigest(args: CallArguments, decision: string, key: string | null): string | null {
  if (key === null || !args.complete || Object.keys(args.values).length === 0) return null
  const text = canonicalArguments(args)
  return text === undefined ? null : hmacSha256Hex(key, `${decision}\n${text}`)
}

/** Written once: a guardrail and the record of one call hash the same text. */
function canonicalArguments(args: CallArguments): string | undefined {
  let text = texts.get(args)
  if (text === undefined) texts.set(args, (text = canonicalize(args.values)))
  return text
}
const texts = new WeakMap<CallArguments, string | undefined>()
