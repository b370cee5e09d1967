/** Decision records in files: one a line, as `narrowgate decisions tail --json` prints them, as exports have them and as sinks write them. */
import { nestsDeeperThan } from "../../src/core/encoding/json.ts"
import { DEEPEST } from "../../src/core/proof/exported.ts"
import { BLANK } from "../../src/core/record/fields.ts"
import { decisionRecord, type ShownRecord } from "../remote/decision-record.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { linesIn } from "./lines.ts"

/**
 * Each record once: exports overlap, and a sink may deliver a record again.
 * @param files read one after the other; `-` is standard input
 */
export async function* recordsInFiles(files: readonly string[]): AsyncGenerator<ShownRecord> {
  const read = new Set<string>()
  for (const file of files) {
    for await (const record of recordsIn(file)) {
      // A decision has two if its ledger did not answer in time, of which only the ledger's has a number.
      const key = record.number === null ? record.id : `${record.id} ledger`
      if (read.has(key)) continue
      read.add(key)
      yield record
    }
  }
}

async function* recordsIn(file: string): AsyncGenerator<ShownRecord> {
  let number = 0
  for await (const lines of linesIn(file))
    for (const line of lines) {
      number += 1
      if (line.trim() === "") continue
      const value = parsed(line)
      if (isOfExport(value)) continue
      // An export has records as they are stored: without what is blank.
      const read = decisionRecord.safeParse(isObject(value) ? { ...BLANK, ...value } : value)
      if (!read.success || !isTime(read.data.at)) {
        const fix = "Write one record a line, as `narrowgate decisions tail --json` does, or name an export."
        throw new Failure(`${file}:${number} holds no decision record`, fix, EXIT.usage)
      }
      yield read.data
    }
}

function parsed(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line)
    return nestsDeeperThan(value, DEEPEST) ? null : value
  } catch {
    return null
  }
}

const isTime = (at: number): boolean => !Number.isNaN(new Date(at).getTime())

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** The other lines of an export: its logs, its headers, its checkpoints and its last line. A record has none of these members. */
function isOfExport(value: unknown): boolean {
  return isObject(value) && !("kind" in value) && OF_EXPORT.some((member) => member in value)
}
const OF_EXPORT = ["logs", "header", "checkpoint", "footer"]
