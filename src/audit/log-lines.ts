/**
 * A log as the lines of a file that can be verified (core/proof/exported.ts), up to a signed checkpoint. Each record goes
 * as the text that is stored: a million of them are never parsed.
 */
import { bytesToBase64 } from "../core/encoding/base64.ts"
import { encoder } from "../core/encoding/hash.ts"
import { checkpointLine, footerLine, headerLine, recordLine } from "../core/proof/export-lines.ts"
import type { LogCheckpoints } from "./log-checkpoints.ts"
import type { Segments } from "./log-segments.ts"

/** Behind so many characters the answer ends at the next checkpoint: an invocation has a bound of time. */
const MOST_CHARACTERS = 32_000_000

export interface LineRange {
  /** The first position, which the log has. */
  readonly from: number
  /** The size of a checkpoint. */
  readonly end: number
}

export interface LogLines {
  readonly lines: ReadableStream<Uint8Array>
  /** There are no records yet from there on. */
  readonly isEmpty: boolean
}

/**
 * Read segment by segment as the receiver takes them, so that no more than one is in memory.
 * @throws in the stream, if the log drops what it has not read yet
 */
export function streamLines(
  range: LineRange,
  segments: Segments,
  checkpoints: LogCheckpoints,
  issuer: string,
): ReadableStream<Uint8Array> {
  const texts = linesOf(range, segments, checkpoints, issuer)
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const { value, done } = texts.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
  })
}

/** @yields the lines of a segment */
function* linesOf(
  { from, end }: LineRange,
  segments: Segments,
  checkpoints: LogCheckpoints,
  issuer: string,
): Generator<string, void> {
  const { log } = checkpoints
  let next = from
  const frontier = segments.frontierAt(next).map(bytesToBase64)
  yield headerLine({ issuer, log, from: next, frontier })
  for (let characters = 0; next < end;) {
    const segment = segments.segmentAt(next)
    if (!segment) throw new Error("the log has dropped records that were to be read")
    let text = ""
    for (const record of segment.records.slice(next - segment.first)) text += recordLine({ log, ...record })
    next = segment.next
    characters += text.length
    // A checkpoint is signed of whole segments.
    const [checkpoint] = checkpoints.between(next - 1, next)
    if (checkpoint) text += checkpointLine({ log, ...checkpoint })
    yield text
    if (checkpoint && characters > MOST_CHARACTERS) break
  }
  yield footerLine(log, next)
}
