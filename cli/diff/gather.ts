/** Recorded decisions to look at again: out of a file, or from a Worker. */
import { createReadStream } from "node:fs"
import { createInterface } from "node:readline"
import { z } from "zod"
import { decisionRecord, type ShownRecord } from "../decision-record.ts"
import { EXIT, Failure } from "../failure.ts"
import { askJson, type WorkerOptions } from "../worker.ts"

/** One a line, as `narrowgate decisions tail --json` prints them. @param file `-`: standard input */
export async function* recordsIn(file: string): AsyncGenerator<ShownRecord> {
  const input = file === "-" ? process.stdin : createReadStream(file, "utf8")
  let number = 0
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1
    if (line.trim() === "") continue
    const read = decisionRecord.safeParse(parsed(line))
    if (!read.success) {
      const mend = "Write one record a line, as `narrowgate decisions tail --json` does."
      throw new Failure(`${file}:${number} holds no decision record`, mend, EXIT.usage)
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

const page = z.object({ decisions: z.array(decisionRecord) })
/** All that a Worker gives at once. */
const PAGE = 1_000

/** The newest calls first. */
export async function* recordsAt(worker: WorkerOptions, bearer: string, limit: number): AsyncGenerator<ShownRecord> {
  let before: string | undefined
  for (let left = limit; left > 0;) {
    const query = new URLSearchParams({ kind: "call", limit: String(Math.min(left, PAGE)) })
    if (before !== undefined) query.set("before", before)
    const { decisions } = await askJson(worker, bearer, `/v1/decisions?${query}`, page)
    yield* decisions
    left -= decisions.length
    before = decisions.at(-1)?.id
    if (decisions.length === 0 || before === undefined) return
  }
}
