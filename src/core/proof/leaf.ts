/**
 * What the Merkle tree of a log has of a record: its text without the person's fields, and a commitment to those. A
 * person's fields can so be erased from a record without a change of its entry, and who has the entry alone learns
 * nothing of them: the salt makes each guess at a name worthless.
 */
import { bytesToBase64url } from "../encoding/base64url.ts"
import { hashOfText, type HashText } from "../encoding/hash.ts"
import { isObject } from "../encoding/json.ts"
import { PERSONAL } from "../record/fields.ts"
import { entryTextHash, type Hash } from "./merkle.ts"

/** As `proofText` of core/proof/checkpoint.ts writes it. */
export type ProofText = string

export type Members = Readonly<Record<string, unknown>>

/** A record without the person's fields, and the commitment to these. */
export type RecordHead = Members & { readonly commitment: string }

const PERSONAL_NAMES = [...PERSONAL].toSorted()

/** @param salt null if the person's fields are erased: the record then has its commitment itself */
function partsOf(record: Members, salt: string | null, hash: HashText): readonly [head: Members, commitment: string] {
  if (salt === null) {
    const { commitment, ...head } = record
    return [head, String(commitment)]
  }
  const head: Record<string, unknown> = { ...record }
  const person: Record<string, unknown> = {}
  for (const name of PERSONAL_NAMES) {
    if (record[name] === undefined) continue
    person[name] = record[name]
    // JSON omits it. A member that is deleted would make the copy slow.
    head[name] = undefined
  }
  return [head, bytesToBase64url(hash(canonicalJson([salt, person])))]
}

const leafOfParts = (head: Members, commitment: string, hash: HashText): Hash =>
  entryTextHash(canonicalJson([commitment, head]), hash)

/**
 * @param record as it is stored, parsed
 * @param salt in base64url; null if the person's fields are erased
 */
export function headOf(record: Members, salt: string | null): RecordHead {
  const [head, commitment] = partsOf(record, salt, hashOfText)
  return { ...head, commitment }
}

export function leafOf({ commitment, ...head }: RecordHead): Hash {
  return leafOfParts(head, commitment, hashOfText)
}

/**
 * `leafOf(headOf(record, salt))`.
 * @param hash of the platform, which may be quicker
 */
export function leafOfRecord(record: Members, salt: string | null, hash: HashText = hashOfText): Hash {
  const [head, commitment] = partsOf(record, salt, hash)
  return leafOfParts(head, commitment, hash)
}

/**
 * RFC 8785, of what `JSON.parse` returns; other than the library's, it accepts a lone surrogate, which a caller can send,
 * and writes it as JSON's escape. The members of most records are in order already.
 */
export function canonicalJson(value: unknown): string {
  return isInOrder(value) ? JSON.stringify(value) : sortedText(value)
}

function isInOrder(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isInOrder)
  if (!isObject(value)) return true
  let before = ""
  // Not by a list of them, which takes six times as long: this is done for each record.
  for (const name in value) {
    if (name < before || !isInOrder(value[name])) return false
    before = name
  }
  return true
}

function sortedText(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  let text = ""
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === "" ? "" : ","}${sortedText(item)}`
    return `[${text}]`
  }
  const members: Members = { ...value }
  for (const name of Object.keys(members).toSorted()) {
    if (members[name] === undefined) continue
    text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${sortedText(members[name])}`
  }
  return `{${text}}`
}
