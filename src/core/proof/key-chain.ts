/**
 * The keys that sign checkpoints, each linked to the one before it: a note that both have signed. So a reader who knows
 * one key of a deployment from elsewhere can believe those that a file brings along, and needs no Worker for it.
 */
import { bytesOfBase64url } from "../encoding/base64url.ts"
import { noteKeyId, readNote, type SignedNote } from "./checkpoint.ts"
import { isSame } from "./merkle.ts"

/** A public Ed25519 key (RFC 8037): `x` of its JWK. */
export type KeyX = string

export type VerifySignature = (key: KeyX, text: string, signature: Uint8Array) => Promise<boolean>

/** Signs for a key. Also of a link, which no log is named like. */
export const LINK_NAME = "narrowgate-key"
const NO_KEY = "-"

interface KeyLink {
  readonly key: KeyX
  /** Null: it is the first, or what came before was pulled. */
  readonly before: KeyX | null
}

export const linkText = ({ key, before }: KeyLink): string => `${LINK_NAME}\n${key}\n${before ?? NO_KEY}\n`

export async function isSignedBy(
  key: KeyX,
  name: string,
  { text, signatures }: SignedNote,
  verify: VerifySignature,
): Promise<boolean> {
  const keyId = noteKeyId(name, bytesOfBase64url(key))
  const own = signatures.find((each) => each.name === name && isSame(each.keyId, keyId))
  return own !== undefined && verify(key, text, own.signature)
}

/** @returns null if it is no link, or not both have signed it */
async function readLink(note: string, verify: VerifySignature): Promise<KeyLink | null> {
  const signed = readNote(note)
  const [name, key = "", before = "", ...rest] = signed?.text.split("\n") ?? []
  const keys = [key, ...(before === NO_KEY ? [] : [before])]
  if (!signed || name !== LINK_NAME || rest.join() !== "" || !keys.every(isKey)) return null
  for (const each of keys) if (!(await isSignedBy(each, LINK_NAME, signed, verify))) return null
  return { key, before: before === NO_KEY ? null : before }
}

const isKey = (text: string): boolean => /^[\w-]{43}$/.test(text)

export interface KnownKeys {
  /** All that are linked with a pinned one: they sign checkpoints. */
  readonly linked: ReadonlySet<KeyX>
  /**
   * The pinned ones, and those that follow them. A key before a pinned one may have been stolen since it was retired:
   * what it has signed is compared, and proves nothing by itself.
   */
  readonly following: ReadonlySet<KeyX>
}

/** @param pinned if there are none, all that the notes have */
export async function knownKeys(
  notes: readonly string[],
  pinned: readonly KeyX[],
  verify: VerifySignature,
): Promise<KnownKeys> {
  const read = await Promise.all([...new Set(notes)].map(async (note) => readLink(note, verify)))
  const links = read.filter((link) => link !== null)
  const first = pinned.length > 0 ? pinned : links.map(({ key }) => key)
  const grown = (leadsTo: (known: ReadonlySet<KeyX>, link: KeyLink) => readonly KeyX[]): ReadonlySet<KeyX> => {
    const known = new Set(first)
    for (let size = -1; size < known.size;) {
      size = known.size
      for (const key of links.flatMap((link) => leadsTo(known, link))) known.add(key)
    }
    return known
  }
  const follow = (known: ReadonlySet<KeyX>, { key, before }: KeyLink): readonly KeyX[] =>
    before !== null && known.has(before) ? [key] : []
  const precede = (known: ReadonlySet<KeyX>, { key, before }: KeyLink): readonly KeyX[] =>
    before !== null && known.has(key) ? [before] : []
  return {
    following: grown(follow),
    linked: grown((known, link) => [...follow(known, link), ...precede(known, link)]),
  }
}
