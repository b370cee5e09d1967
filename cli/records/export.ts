/** Records of a Worker, log by log, as the lines of a file that can be verified. */
import type { RecordPage } from "../../src/api/contract/decisions.ts"
import { CONTRACT } from "../../src/api/contract/contract.ts"
import { timeOf } from "../../src/core/encoding/ids.ts"
import { EXPORT_VERSION } from "../../src/core/proof/exported.ts"
import { requestApi, type WorkerOptions } from "../remote/worker.ts"

export interface ExportRange {
  readonly logs: readonly string[]
  /** The first position in each log. */
  readonly from: number
  /** Milliseconds since the epoch: records that were made later are left out, from the first such page on. */
  readonly until: number
}

/** @yields the lines of one page */
export async function* exportedLines(
  worker: Pick<WorkerOptions, "url">,
  bearer: () => Promise<string>,
  { logs, from, until }: ExportRange,
): AsyncGenerator<string, void> {
  for (const log of logs) {
    let next = from
    let isOpen = false
    // Only what a checkpoint covers is exported: nobody could verify the rest.
    let unproven: string[] = []
    let proven = from
    for (;;) {
      const page = await readPage(worker, await bearer(), log, next)
      const [first] = page.records
      if (!isOpen || page.lost.length > 0) {
        if (isOpen) yield footerOf(log, proven)
        const begin = Number(first?.["index"] ?? page.next)
        proven = begin
        unproven = []
        yield line({
          header: { version: EXPORT_VERSION, issuer: page.issuer, log, from: begin, frontier: page.frontier },
        })
        isOpen = true
      }
      const sizes = new Map(page.checkpoints.map((checkpoint) => [checkpoint.size, checkpoint]))
      for (const record of page.records) {
        unproven.push(line(record))
        const size = Number(record["index"]) + 1
        const checkpoint = sizes.get(size)
        if (!checkpoint) continue
        yield unproven.join("")
        yield line({ checkpoint: { log, size, note: checkpoint.note } })
        unproven = []
        proven = size
      }
      next = page.next
      const last = page.records.at(-1)
      if (!last || next >= page.end || (timeOf(String(last["id"])) ?? 0) > until) break
    }
    yield footerOf(log, proven)
  }
}

async function readPage(
  worker: Pick<WorkerOptions, "url">,
  bearer: string,
  log: string,
  from: number,
): Promise<RecordPage> {
  const schema = CONTRACT.readRecords.answer()
  return requestApi(worker, bearer, "readRecords", { parameters: {}, query: { log, from: String(from) }, schema })
}

const line = (value: object): string => `${JSON.stringify(value)}\n`
const footerOf = (log: string, next: number): string => line({ footer: { log, next } })
