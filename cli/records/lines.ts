/** The lines of a file of records, plain or compressed by gzip, some at a time: it may be larger than memory. */
import { createReadStream } from "node:fs"
import { finished } from "node:stream/promises"
import { createGunzip } from "node:zlib"
import { EXIT, Failure } from "../terminal/failure.ts"

/** Far above what a record has. */
const MAX_LINE = 4_000_000
const CHUNK_BYTES = 262_144

/**
 * A line ends at a line feed alone: `node:readline` ends one at U+2028 too, which a caller can put into an argument.
 * Whole lines only: of a file that breaks off within its compression the rest of a line is no record.
 * @param file `-` is standard input
 * @yields as many as a part of the file has: to wait for each alone would cost as much as reading it
 */
export async function* linesIn(file: string): AsyncGenerator<readonly string[]> {
  let number = 0
  try {
    for await (const lines of linesOf(file)) {
      number += lines.length
      yield lines
    }
  } catch (failure) {
    throw unreadable(file, number, failure)
  }
}

async function* linesOf(file: string): AsyncGenerator<readonly string[]> {
  // What some readers replace and others do not would be read as another text than theirs.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  let rest = ""
  const input = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES })
  for await (const chunk of plainBytes(input)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    yield lines
    if (rest.length > MAX_LINE)
      throw new Failure(`${file} has a line that is too long for a record`, "Export it again.", EXIT.usage)
  }
  yield [rest + decoder.decode()]
}

/** Whether it is compressed is in the bytes (RFC 1952, section 2.3.1), not in the name: standard input has none. */
async function* plainBytes(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = input[Symbol.asyncIterator]()
  let first = Buffer.alloc(0)
  while (first.length < 2) {
    const next = await chunks.next()
    if (next.done) break
    first = Buffer.concat([first, next.value])
  }
  const all = withFirst(first, { [Symbol.asyncIterator]: () => chunks })
  if (first[0] !== 0x1f || first[1] !== 0x8b) {
    yield* all
    return
  }
  yield* gunzipped(all)
}

/** A failure takes what the same part has before it. It also bounds what a part expands to, a thousandfold at most. */
const PART_BYTES = 16_384

/** Everything before the place where the file is cut or damaged comes before the failure: a stream would drop it. */
async function* gunzipped(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
  let output: Buffer[] = []
  let failure: Error | null = null
  gunzip.on("data", (chunk: Buffer) => output.push(chunk))
  // It calls no writer back that waits.
  let wake = (): void => undefined
  gunzip.on("error", (error: Error) => {
    failure = error
    wake()
  })
  const taken = function* (): Generator<Buffer> {
    const ready = output
    output = []
    yield* ready
    if (failure) throw failure
  }
  try {
    for await (const chunk of input) {
      for (let at = 0; at < chunk.length; at += PART_BYTES) {
        await new Promise<void>((resolve) => {
          wake = resolve
          gunzip.write(chunk.subarray(at, at + PART_BYTES), () => resolve())
        })
        yield* taken()
      }
    }
    gunzip.end()
    await finished(gunzip).catch(() => undefined)
    yield* taken()
  } finally {
    gunzip.destroy()
  }
}

async function* withFirst(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first
  yield* rest
}

function unreadable(file: string, number: number, failure: unknown): unknown {
  if (!(failure instanceof Error) || !("code" in failure) || failure instanceof Failure) return failure
  if (failure.code === "ERR_ENCODING_INVALID_ENCODED_DATA")
    return new Failure(`${file} is no UTF-8 after line ${number}`, "Export it again.", EXIT.usage)
  const isCut = String(failure.code).startsWith("Z_")
  const message = isCut
    ? `${file} is cut or damaged after line ${number}: ${failure.message}`
    : `cannot read the records: ${failure.message}`
  return new Failure(message, isCut ? "Export it again." : "Name a file of records that can be read.", EXIT.usage)
}
