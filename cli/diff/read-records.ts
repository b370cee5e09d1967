/** Recorded decisions to decide again: from a file, or from a Worker. */
import { createReadStream } from "node:fs"
import { createInterface } from "node:readline"
import { decisionPages } from "../remote/decision-pages.ts"
import { decisionRecord, type ShownRecord } from "../remote/decision-record.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { WorkerOptions } from "../remote/worker.ts"

/**
 * One record a line, as `narrowgate decisions tail --json` prints them.
 * @param file `-`: standard input
 */
export async function* recordsIn(file: string): AsyncGenerator<ShownRecord> {
  const input = file === "-" ? process.stdin : createReadStream(file, "utf8")
  let number = 0
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1
    if (line.trim() === "") continue
    const read = decisionRecord.safeParse(parsed(line))
    if (!read.success) {
      const fix = "Write one record a line, as `narrowgate decisions tail --json` does."
      throw new Failure(`${file}:${number} holds no decision record`, fix, EXIT.usage)
    }
    yield read.data
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

/** The newest calls first. */
export async function* recordsAt(worker: WorkerOptions, bearer: string, limit: number): AsyncGenerator<ShownRecord> {
  for await (const page of decisionPages(worker, bearer, { kind: "call" }, limit)) yield* page.decisions
}
