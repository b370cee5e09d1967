/** The result of `narrowgate decisions verify`. */
import type { CheckedExport } from "../../src/core/proof/check-export.ts"
import { printableText } from "../terminal/escape.ts"
import type { WorkerLog } from "./newest-checkpoints.ts"
import type { ProvenDecision } from "./signatures.ts"

interface Flawed {
  /** Or the URL of the Worker. */
  readonly file: string
  readonly line?: number
  readonly flaw: string
  readonly what: string
}

export interface VerifiedFiles extends Omit<CheckedExport, "findings"> {
  readonly findings: readonly Flawed[]
  /** The sound ones. */
  readonly receipts: readonly (ProvenDecision & { readonly file: string })[]
  /** Null if it was not asked. */
  readonly worker: readonly WorkerLog[] | null
  /** Those that are no receipts. */
  readonly files: number
  /** `x` of the JWKs of keys that were known from elsewhere. */
  readonly pinned: readonly string[]
}

const MOST_PRINTED = 50

export function verificationAsJson({ logs, files: _files, ...rest }: VerifiedFiles): object {
  const plain = logs.map(({ checkpoint, ...log }) => ({
    ...log,
    checkpoint: checkpoint && { size: checkpoint.size, at: checkpoint.at },
  }))
  return { ...rest, logs: plain }
}

export function verificationText(verified: VerifiedFiles): string {
  const { findings, unproven, records, proven, checkpoints, receipts, files } = verified
  const flaws = findings
    .slice(0, MOST_PRINTED)
    .map(({ file, line, flaw, what }) => `${file}${line === undefined ? "" : `:${line}`}: ${flaw}: ${what}`)
  const more = findings.length > MOST_PRINTED ? [`… and ${findings.length - MOST_PRINTED} more`] : []
  const notProven = unproven.map(
    ({ log, from, to, why }) => `records ${from} to ${to - 1} of ${log} are not proven: ${why}`,
  )
  const sum = `${records} records, ${proven} of them proven by ${checkpoints} checkpoints`
  const lines = [...flaws, ...more, ...notProven, ...receipts.map(receiptLine), ...logLines(verified)]
  return [...lines, ...(files > 0 ? [sum, keyLine(verified)] : [])].map(printableText).join("\n")
}

/** Which keys are believed, and because of which. */
function keyLine({ keys, pinned }: VerifiedFiles): string {
  if (pinned.length > 0) return `signed by ${keys.length} keys, linked with ${pinned.join(", ")}`
  const known = keys.length > 0 ? keys.map((key) => `--key ${key}`).join(" or ") : "none"
  return `whose keys: not proven. The files have ${known}`
}

function receiptLine({ file, ...proven }: VerifiedFiles["receipts"][number]): string {
  const { decision, verdict, code, tool, agent, at, log, index, size } = proven
  const what = `${verdict}${verdict === "allow" ? "" : ` ${code}`}${tool === null ? "" : `, ${tool}`}`
  const who = agent === null ? "" : `, by ${agent}`
  return `${file}: proves ${decision}: ${what}${who}, at ${time(at)}, position ${index} of ${log}, of whose ${size} records the checkpoint is`
}

/** Which logs the files have, how far, and what the Worker has beyond. */
function logLines({ logs, worker }: VerifiedFiles): readonly string[] {
  const names = new Set([...logs, ...(worker ?? [])].map(({ log }) => log))
  return [...names].toSorted().map((name) => {
    const here = logs.find(({ log }) => log === name)
    const there = worker?.find(({ log }) => log === name)
    const has = here && here.next > here.from ? `records ${here.from} to ${here.next - 1}` : "no records"
    const newest = here?.checkpoint
    const covered = newest
      ? `, newest checkpoint at ${newest.size}${newest.at === null ? "" : ` of ${time(newest.at)}`}`
      : ""
    const until = here && here.until !== null ? `, all until ${time(here.until)}` : ""
    const beyond = there && there.more > 0 ? `; the Worker has ${there.more} more, up to ${time(there.at)}` : ""
    return `${name}: ${has}${covered}${until}${beyond}`
  })
}

const time = (at: number): string => new Date(at).toISOString()
