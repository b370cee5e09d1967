/**
 * Checks exported records against the checkpoints that their deployment has signed, and names what is wrong. A line's
 * hash (`leaf`) is believed only if the tree of all hashes has the root of a signed checkpoint; then each record that does
 * not have its hash was changed. Without it, what was changed is known up to the range between two checkpoints.
 */
import { hashOfText, type HashText } from "../encoding/hash.ts"
import { mayBeCheckpoint, readLine } from "./exported.ts"
import type { CheckedLog, Finding, Flaw, Unproven } from "./findings.ts"
import { LogCheck } from "./log-check.ts"
import { SignedCheckpoints, type CheckSignature } from "./signed-checkpoints.ts"

export interface ExportSource {
  readonly name: string
  /** Many at a time: each time that one waits costs as much as a line. */
  readonly lines: () => AsyncIterable<readonly string[]>
}

export interface CheckedExport {
  readonly findings: readonly Finding[]
  /** Of all files together: what several have counts once. */
  readonly records: number
  /** Records that a signed checkpoint covers. */
  readonly proven: number
  readonly checkpoints: number
  readonly logs: readonly CheckedLog[]
  /** Records whose own hash was checked, if they have one, and of which no checkpoint says anything, though none is missing. */
  readonly unproven: readonly Unproven[]
}

/**
 * The files of one log are one log: where two overlap, each is compared with the same signed roots.
 * @param issuer of the deployment whose keys are given
 * @param hash of the platform, which may be quicker
 */
export async function checkExports(
  sources: readonly ExportSource[],
  issuer: string,
  isSigned: CheckSignature,
  hash: HashText = hashOfText,
): Promise<CheckedExport> {
  const findings: Finding[] = []
  const report = (flaw: Flaw, file: string, line: number, what: string): void =>
    void findings.push({ flaw, file, line, what })
  const checkpoints = new SignedCheckpoints(issuer, isSigned, report)
  for (const { name, lines } of sources) {
    let number = 0
    for await (const texts of lines())
      for (const text of texts) {
        number += 1
        if (!mayBeCheckpoint(text)) continue
        const line = readLine(text)
        if (line?.kind === "checkpoint") await checkpoints.add(line.checkpoint, name, number)
      }
  }
  const check = new LogCheck(issuer, checkpoints, report, hash)
  for (const { name, lines } of sources) {
    let number = 0
    check.open()
    for await (const texts of lines())
      for (const text of texts) {
        number += 1
        if (text.trim() === "") continue
        const line = readLine(text)
        if (!line) report("malformed", name, number, "it is no line of an export")
        else if (line.kind === "header") check.begin(line.header, name, number)
        else if (line.kind === "footer") check.end(line.footer, name, number)
        else if (line.kind === "record") check.record(line, name, number)
      }
    check.finish(name, number)
  }
  check.close()
  const logs = check.logs()
  const { records, proven, unproven } = check
  return { findings, records, proven, checkpoints: checkpoints.count, logs, unproven }
}
