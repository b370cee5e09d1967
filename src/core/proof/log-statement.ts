/**
 * What a deployment states of all of its logs at one moment, signed: which there are, and how far each reaches. A file
 * that lacks a whole log, or the end of one, with its checkpoints, is known by it.
 */
import { base64ToBytes, bytesToBase64 } from "../encoding/base64.ts"
import { originOf, readNote, type SignedNote } from "./checkpoint.ts"
import { HASH_LENGTH, type Hash } from "./merkle.ts"

export interface StatedLog {
  readonly log: string
  /** Records that its checkpoint covers. */
  readonly size: number
  readonly root: Hash
  /** Milliseconds since the epoch: what was stored by then is among them. */
  readonly until: number
}

export interface LogStatement extends SignedNote {
  /** `statementName` of its deployment. */
  readonly name: string
  readonly logs: readonly StatedLog[]
}

/** @param issuer of the deployment */
export const statementName = (issuer: string): string => originOf(issuer, "").slice(0, -1)

export function statementText(issuer: string, logs: readonly StatedLog[]): string {
  const lines = logs.map(({ log, size, root, until }) => `${log} ${size} ${bytesToBase64(root)} ${until}\n`)
  return `${statementName(issuer)}\n${lines.join("")}`
}

/** @returns null if it is none. Nothing in it may be believed before its signature is verified. */
export function readStatement(note: string): LogStatement | null {
  const signed = readNote(note)
  const [name = "", ...lines] = signed?.text.slice(0, -1).split("\n") ?? []
  if (!signed) return null
  const logs = lines.map((line): StatedLog | null => {
    const [, log = "", size, text = "", until] = LINE.exec(line) ?? []
    const root = base64ToBytes(text)
    return root?.length === HASH_LENGTH ? { log, size: Number(size), root, until: Number(until) } : null
  })
  return logs.every((each) => each !== null) ? { ...signed, name, logs } : null
}
const LINE = /^([\w-]+) (\d{1,15}) ([^ ]+) (\d{1,15})$/
