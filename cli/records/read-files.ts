/**
 * Decision records in files: one a line, as `narrowgate decisions tail --json` prints them, as exports have them and as
 * sinks write them, plain or compressed by gzip. Read in parts, so that a file may be larger than memory.
 */
import { createReadStream } from "node:fs"
import { Readable } from "node:stream"
import { createGunzip } from "node:zlib"
import { BLANK } from "../../src/core/record/fields.ts"
import { decisionRecord, type ShownRecord } from "../remote/decision-record.ts"
import { EXIT, Failure } from "../terminal/failure.ts"

/** @param files read one after the other; `-` is standard input */
export async function* recordsInFiles(files: readonly string[]): AsyncGenerator<ShownRecord> {
  for (const file of files) yield* recordsIn(file)
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
      if (!read.success) {
        const fix = "Write one record a line, as `narrowgate decisions tail --json` does, or name an export."
        throw new Failure(`${file}:${number} holds no decision record`, fix, EXIT.usage)
      }
      yield read.data
    }
}

/** Far above what a record has. */
const MAX_LINE = 4_000_000
const CHUNK_BYTES = 262_144

/**
 * Whole lines only: of a file that breaks off within its compression the rest of a line is no record.
 * @param file `-` is standard input
 * @yields many at a time, without their ends
 */
export async function* linesIn(file: string): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder()
  let [rest, number] = ["", 0]
  try {
    const input = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES })
    for await (const chunk of plainBytes(input)) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
      rest = lines.pop() ?? ""
      number += lines.length
      yield lines
      if (rest.length > MAX_LINE)
        throw new Failure(`${file} has a line that is too long for a record`, "Export it again.", EXIT.usage)
    }
  } catch (failure) {
    throw unreadable(file, number, failure)
  }
  rest += decoder.decode()
  if (rest !== "") yield [rest]
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
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
  const source = Readable.from(all)
  source.on("error", (failure) => gunzip.destroy(failure))
  // A reader that goes on gets it; one that has stopped does not need it.
  gunzip.on("error", () => undefined)
  yield* source.pipe(gunzip)
}

async function* withFirst(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first
  yield* rest
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null

/** The other lines of an export: its header, its checkpoints and its last line. A record has none of these members. */
function isOfExport(value: unknown): boolean {
  return isObject(value) && !("kind" in value) && OF_EXPORT.some((member) => member in value)
}
const OF_EXPORT = ["header", "checkpoint", "footer"]

function unreadable(file: string, number: number, failure: unknown): unknown {
  if (!(failure instanceof Error) || !("code" in failure) || failure instanceof Failure) return failure
  const isCut = String(failure.code).startsWith("Z_")
  const message = isCut
    ? `${file} is cut or damaged after line ${number}: ${failure.message}`
    : `cannot read the records: ${failure.message}`
  return new Failure(message, isCut ? "Export it again." : "Name a file of records that can be read.", EXIT.usage)
}
