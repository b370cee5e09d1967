/** Files of records: NDJSON, compressed if the name ends in `.gz`. */
import { createReadStream, createWriteStream } from "node:fs"
import { createInterface } from "node:readline"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createGunzip, createGzip } from "node:zlib"
import type { ExportSource } from "../../src/core/proof/check-export.ts"

export function recordFile(name: string): ExportSource {
  return { name, lines: () => linesOf(name) }
}

async function* linesOf(name: string): AsyncIterable<string> {
  const file = createReadStream(name)
  const text = name.endsWith(".gz") ? file.pipe(createGunzip()) : file
  // `pipe` does not pass on that a file cannot be read.
  file.on("error", (error) => text.destroy(error))
  yield* createInterface({ input: text, crlfDelay: Infinity })
}

/** @param chunks texts of whole lines */
export async function writeRecordFile(name: string, chunks: AsyncIterable<string>): Promise<void> {
  const file = createWriteStream(name)
  if (name.endsWith(".gz")) await pipeline(Readable.from(chunks), createGzip(), file)
  else await pipeline(Readable.from(chunks), file)
}
