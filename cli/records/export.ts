/** Records of a Worker, log by log, as the lines of a file that can be verified. They pass through as they come. */
import { readLine, type FooterLine, type HeaderLine } from "../../src/core/proof/exported.ts"
import { footerLine, headerLine, logsLine, type StatedLogs } from "../../src/core/proof/export-lines.ts"
import type { RecordFilter } from "./filter.ts"
import { readApi, type WorkerOptions } from "../remote/worker.ts"
import { EXIT, Failure } from "../terminal/failure.ts"

export interface ExportRange {
  /** What was stated before the logs are read, so that they reach as far. */
  readonly stated: StatedLogs
  readonly logs: readonly string[]
  /** The first position in each log. */
  readonly from: number
  /** As the API reads them: a log is read from its last checkpoint before `since` to its first of `until` or later. */
  readonly times: Pick<RecordFilter, "since" | "until">
}

/** @yields texts and bytes that make whole lines together */
export async function* exportedLines(
  worker: Pick<WorkerOptions, "url">,
  bearer: () => Promise<string>,
  { stated, logs, from, times }: ExportRange,
): AsyncGenerator<string | Buffer, void> {
  yield logsLine(stated)
  for (const log of logs) {
    let [next, isOpen, isMore] = [from, false, true]
    while (isMore) {
      const query = { log, from: String(next), ...times }
      let begin = next
      for await (const part of partsOf(
        await readApi(worker, await bearer(), "readRecords", { parameters: {}, query }),
      )) {
        if (part.kind === "bytes") yield part.bytes
        else if (part.kind === "header") {
          begin = part.header.from
          if (begin < next)
            throw new Failure(`${log} ends at ${begin}: it has no position ${next} yet`, POSITIONS, EXIT.usage)
          const isGap = isOpen && begin !== next
          if (isGap) yield footerLine(log, next)
          if (isGap || !isOpen) yield headerLine(part.header)
          isOpen = true
        } else next = part.footer.next
      }
      isMore = next > begin
    }
    yield footerLine(log, next)
  }
}

const POSITIONS =
  "Each log has positions of its own: name it (--log) with a position that it has, or export by --since."

type Part =
  | { readonly kind: "header"; readonly header: HeaderLine }
  | { readonly kind: "footer"; readonly footer: FooterLine }
  | { readonly kind: "bytes"; readonly bytes: Buffer }

/** Longer than the last line can be. */
const TAIL = 1_024

/** The first line, the bytes of those between, and the last line. */
async function* partsOf(answer: AsyncIterable<Uint8Array>): AsyncGenerator<Part> {
  let [rest, hasHeader] = [Buffer.alloc(0), false]
  for await (const chunk of answer) {
    rest = Buffer.concat([rest, chunk])
    const end = hasHeader ? 0 : rest.indexOf("\n") + 1
    if (!hasHeader && end === 0) continue
    if (!hasHeader) yield lineIn(rest.subarray(0, end))
    hasHeader = true
    const most = Math.max(end, rest.length - TAIL)
    if (most > end) yield { kind: "bytes", bytes: rest.subarray(end, most) }
    rest = rest.subarray(most)
  }
  const last = rest.subarray(0, -1).lastIndexOf("\n") + 1
  if (last > 0) yield { kind: "bytes", bytes: rest.subarray(0, last) }
  yield lineIn(rest.subarray(last))
}

function lineIn(bytes: Buffer): Part {
  const line = readLine(bytes.toString().trimEnd())
  if (line?.kind === "header" || line?.kind === "footer") return line
  throw new Failure("the Worker's answer breaks off, or is no export", "Export it again.")
}
