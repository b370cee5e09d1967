/**
 * Checks exported records against the checkpoints that their deployment has signed, and names what is wrong. A line's
 * hash (`leaf`) is believed only if the tree of all hashes has the root of a signed checkpoint; then each record that does
 * not have its hash was changed. Without it, what was changed is known up to the range between two checkpoints.
 */
import { hashOfText, type HashText } from "../encoding/hash.ts"
import { mayBe, readLine, type ExportLine } from "./exported.ts"
import type { CheckedLog, Finding, Flaw, Unproven } from "./findings.ts"
import { isSignedBy, knownKeys, type KeyX, type VerifySignature } from "./key-chain.ts"
import { LogCheck } from "./log-check.ts"
import { readStatement, statementName } from "./log-statement.ts"
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
  /** Of checkpoints and statements: those that were pinned, and those that are linked with them. */
  readonly keys: readonly KeyX[]
}

export interface Trust {
  /** Of the deployment whose records they are to be. Null: of the one that the first header names. */
  readonly issuer: string | null
  /** Keys of the deployment that are known from elsewhere. Empty: what the files agree on is checked, and proves nothing. */
  readonly pinned: readonly KeyX[]
  readonly verify: VerifySignature
  /** Logs that the files are to have. Null: all that the deployment has. */
  readonly only: readonly string[] | null
}

/**
 * The files of one log are one log: where two overlap, each is compared with the same signed roots.
 * @param hash of the platform, which may be quicker
 */
export async function checkExports(
  sources: readonly ExportSource[],
  trust: Trust,
  hash: HashText = hashOfText,
): Promise<CheckedExport> {
  const findings: Finding[] = []
  const report = (flaw: Flaw, file: string, line: number, what: string): void =>
    void findings.push({ flaw, file, line, what })
  const stated: (PlacedLine & Extract<ExportLine, { readonly kind: "logs" }>)[] = []
  let [issuer, hasSections] = [trust.issuer, false]
  for await (const { line, ...place } of linesOf(sources, ["logs", "header"])) {
    if (line?.kind === "logs") stated.push({ ...line, ...place })
    if (line?.kind === "header") [issuer, hasSections] = [issuer ?? line.header.issuer, true]
  }
  const { linked, following } = await knownKeys(
    stated.flatMap(({ logs: { keys } }) => keys),
    trust.pinned,
    trust.verify,
  )
  const signedBy =
    (keys: ReadonlySet<KeyX>): CheckSignature =>
    async (name, note) => {
      for (const key of keys) if (await isSignedBy(key, name, note, trust.verify)) return true
      return false
    }
  const of = issuer ?? ""
  const checkpoints = new SignedCheckpoints(of, signedBy(linked), report)
  let isStated = false
  for (const { logs, name, number } of stated) {
    const statement = readStatement(logs.note)
    if (statement?.name !== statementName(of))
      report("foreign", name, number, "the statement of the logs is of another deployment, or is none")
    else if (!(await signedBy(linked)(statement.name, statement)))
      report("unsigned", name, number, "the statement of the logs is not signed by a key of the deployment")
    else {
      isStated ||= await signedBy(following)(statement.name, statement)
      checkpoints.state(statement.logs, name, number)
    }
  }
  for await (const { line, name, number } of linesOf(sources, ["checkpoint"]))
    if (line?.kind === "checkpoint") await checkpoints.add(line.checkpoint, name, number)
  const check = new LogCheck(of, checkpoints, report, hash)
  for (const source of sources) await checkLines(source, check, report)
  check.close()
  const logs = check.logs(trust.only)
  const [file = ""] = sources.map(({ name }) => name)
  if (hasSections && !isStated)
    report("unstated", file, 1, "no statement that a pinned key, or one after it, has signed says which logs there are")
  if (sources.length > 0 && trust.pinned.length === 0)
    report("unpinned", file, 1, "the files agree with the keys that they have themselves: name one that you know")
  const { records, proven, unproven } = check
  return { findings, records, proven, checkpoints: checkpoints.count, logs, unproven, keys: [...linked] }
}

async function checkLines(
  { name, lines }: ExportSource,
  check: LogCheck,
  report: (flaw: Flaw, file: string, line: number, what: string) => void,
): Promise<void> {
  let [number, isBlank] = [0, false]
  check.open()
  for await (const texts of lines())
    for (const text of texts) {
      // What follows the last line feed is empty.
      if (isBlank) report("malformed", name, number, "it is an empty line")
      number += 1
      isBlank = text === ""
      if (isBlank) continue
      const line = readLine(text)
      if (!line) report("malformed", name, number, "it is no line of an export, or not as a Worker writes it")
      else if (line.kind === "header") check.begin(line.header, name, number)
      else if (line.kind === "footer") check.end(line.footer, name, number)
      else if (line.kind === "record") check.record(line, name, number)
    }
  check.finish(name, number)
}

interface PlacedLine {
  readonly name: string
  readonly number: number
}

/** Those of these kinds, without parsing the others. */
async function* linesOf(
  sources: readonly ExportSource[],
  kinds: readonly Parameters<typeof mayBe>[0][],
): AsyncGenerator<PlacedLine & { readonly line: ExportLine | null }> {
  for (const { name, lines } of sources) {
    let number = 0
    for await (const texts of lines())
      for (const text of texts) {
        number += 1
        if (kinds.some((kind) => mayBe(kind, text))) yield { line: readLine(text), name, number }
      }
  }
}
