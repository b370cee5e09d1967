/**
 * What a log states about itself at one moment: how many entries it has, and the root of their tree, signed. Sources:
 * c2sp.org/tlog-checkpoint, c2sp.org/signed-note (with Ed25519 alone), c2sp.org/tlog-proof.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { concatBytes } from "@noble/hashes/utils.js"
import { base64ToBytes, bytesToBase64 } from "../encoding/base64.ts"
import { encoder } from "../encoding/hash.ts"
import { HASH_LENGTH, type Hash } from "./merkle.ts"

export interface Checkpoint {
  /** Of the log: `<issuer without its scheme>/logs/<name>`. */
  readonly origin: string
  readonly size: number
  readonly root: Hash
}

export interface NoteSignature {
  readonly name: string
  /** Four bytes. */
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
}

/** A text with its signatures (c2sp.org/signed-note). */
export interface SignedNote {
  /** What is signed. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export interface SignedCheckpoint extends SignedNote {
  readonly checkpoint: Checkpoint
}

export interface InclusionProof {
  readonly index: number
  /** From the entry's sibling up to the root's child. */
  readonly path: readonly Hash[]
  /** The signed checkpoint, as it was read. */
  readonly note: string
}

const ED25519 = 1
const KEY_ID_LENGTH = 4
const MAX_SIGNATURES = 16
const MAX_NOTE_LENGTH = 16_384
/** A tree with 2^53 entries is no higher. */
const MAX_PATH_LENGTH = 53
const PROOF_HEADER = "c2sp.org/tlog-proof@v1"

/** @param publicKey 32 bytes (RFC 8032) */
export function noteKeyId(name: string, publicKey: Uint8Array): Uint8Array {
  return sha256(concatBytes(encoder.encode(`${name}\n`), Uint8Array.of(ED25519), publicKey)).slice(0, KEY_ID_LENGTH)
}

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${bytesToBase64(root)}\n`
}

export function noteOf(text: string, signatures: readonly NoteSignature[]): string {
  const lines = signatures.map(
    ({ name, keyId, signature }) => `\u2014 ${name} ${bytesToBase64(concatBytes(keyId, signature))}\n`,
  )
  return `${text}\n${lines.join("")}`
}

/** @returns null if it is none. Nothing in it may be believed before a signature of a known key is verified. */
export function readNote(note: string): SignedNote | null {
  if (note.length > MAX_NOTE_LENGTH || HAS_CONTROL.test(note)) return null
  const end = note.lastIndexOf("\n\n")
  if (end < 0 || !note.endsWith("\n")) return null
  const lines = note.slice(end + 2, -1).split("\n")
  const signatures = lines.length > MAX_SIGNATURES ? [null] : lines.map(readSignature)
  return signatures.every((each) => each !== null) ? { text: note.slice(0, end + 1), signatures } : null
}

/** @returns null if it is none, as `readNote` */
export function readCheckpoint(note: string): SignedCheckpoint | null {
  const signed = readNote(note)
  const checkpoint = signed && readText(signed.text)
  return checkpoint && { checkpoint, ...signed }
}

/** Those below U+0020, but for the line feed. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const HAS_CONTROL = /[\u0000-\u0009\u000b-\u001f]/

/** Extension lines are none of ours, and a log of another kind may have them. */
function readText(text: string): Checkpoint | null {
  const [origin = "", size = "", root = "", ...rest] = text.slice(0, -1).split("\n")
  const hash = base64ToBytes(root)
  if (origin === "" || rest.includes("") || hash?.length !== HASH_LENGTH) return null
  const count = readCount(size)
  return count === null ? null : { origin, size: count, root: hash }
}

function readCount(digits: string): number | null {
  const count = /^(?:0|[1-9]\d{0,15})$/.test(digits) ? Number(digits) : Number.NaN
  return Number.isSafeInteger(count) ? count : null
}

function readSignature(line: string): NoteSignature | null {
  const [, name, text] = /^\u2014 ([^\s+]+) ([^\s]+)$/u.exec(line) ?? []
  const bytes = base64ToBytes(text ?? "")
  if (name === undefined || !bytes || bytes.length <= KEY_ID_LENGTH) return null
  return { name, keyId: bytes.slice(0, KEY_ID_LENGTH), signature: bytes.slice(KEY_ID_LENGTH) }
}

/** That an entry is in the tree of a checkpoint, for whoever has the entry. */
export function proofText({ index, path, note }: InclusionProof): string {
  return [PROOF_HEADER, `index ${index}`, ...path.map((hash) => bytesToBase64(hash)), "", note].join("\n")
}

/** @returns null if it is none; extra data is left out, because nothing vouches for it */
export function readProof(proof: string): InclusionProof | null {
  const end = proof.indexOf("\n\n")
  if (end < 0 || proof.length > MAX_NOTE_LENGTH * 2) return null
  const [header, ...lines] = proof.slice(0, end).split("\n")
  if (lines[0]?.startsWith("extra ")) lines.shift()
  const [indexLine = "", ...hashes] = lines
  const index = indexLine.startsWith("index ") ? readCount(indexLine.slice("index ".length)) : null
  if (header !== PROOF_HEADER || index === null || hashes.length > MAX_PATH_LENGTH) return null
  const path = hashes.map(base64ToBytes)
  return path.every((hash): hash is Hash => hash?.length === HASH_LENGTH)
    ? { index, path, note: proof.slice(end + 2) }
    : null
}

/** What a deployment's log is called in its checkpoints. */
export function originOf(issuer: string, log: string): string {
  return `${issuer.replace(/^https?:\/\//, "")}/logs/${log}`
}
