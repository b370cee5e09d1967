/**
 * What the Merkle tree of a log has of a record: its text without the person's fields, and a commitment to those. A
 * person's fields can so be erased from a record without a change of its entry, and who has the entry alone learns
 * nothing of them: the salt makes each guess at a name worthless.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToBase64url } from "../encoding/base64url.ts"
import { encoder } from "../encoding/hash.ts"
import { PERSONAL } from "../record/fields.ts"
import { entryHash, type Hash } from "./merkle.ts"

/** Bytes of a salt. */
export const SALT_LENGTH = 16

/** As `proofText` of core/proof/checkpoint.ts writes it. */
export type ProofText = string

export type Members = Readonly<Record<string, unknown>>

/** A record without the person's fields, and the commitment to these. */
export type RecordHead = Members & { readonly commitment: string }

/**
 * @param record as it is stored, parsed
 * @param salt null if the person's fields are erased: the record then has its commitment itself
 */
export function headOf(record: Members, salt: Uint8Array | null): RecordHead {
  // Not by assignment, which would lose a member named `__proto__`.
  const members = Object.entries(record)
  const head = Object.fromEntries(members.filter(([name]) => !PERSONAL.has(name)))
  if (!salt) return { ...head, commitment: String(head["commitment"]) }
  const person = Object.fromEntries(members.filter(([name]) => PERSONAL.has(name)))
  const text = encoder.encode(canonicalJson(person))
  const commitment = bytesToBase64url(sha256.create().update(salt).update(text).digest())
  return { ...head, commitment }
}

export function leafOf(head: RecordHead): Hash {
  return entryHash(encoder.encode(canonicalJson(head)))
}

/**
 * `leafOf(headOf(record, salt))` in one pass: this is done for each record.
 * @param salt null if the person's fields are erased
 */
export function leafOfRecord(record: Members, salt: Uint8Array | null): Hash {
  if (!salt) return leafOf(headOf(record, salt))
  let [before, after, person] = ["", "", ""]
  for (const name of Object.keys(record).toSorted()) {
    const member = `${JSON.stringify(name)}:${canonicalJson(record[name])},`
    if (PERSONAL.has(name)) person += member
    else if (name < "commitment") before += member
    else if (name !== "commitment") after += member
  }
  const text = encoder.encode(`{${person.slice(0, -1)}}`)
  const commitment = bytesToBase64url(sha256.create().update(salt).update(text).digest())
  const members = `${before}"commitment":"${commitment}",${after}`
  return entryHash(encoder.encode(`{${members.slice(0, -1)}}`))
}

/**
 * RFC 8785, of what `JSON.parse` returns; other than the library's, it accepts a lone surrogate, which a caller can send,
 * and writes it as JSON's escape.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  let text = ""
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === "" ? "" : ","}${canonicalJson(item)}`
    return `[${text}]`
  }
  const members: Members = { ...value }
  for (const name of Object.keys(members).toSorted()) {
    text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${canonicalJson(members[name])}`
  }
  return `{${text}}`
}
