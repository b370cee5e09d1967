/** Files of records: NDJSON, compressed if the name ends in `.gz`. */
import { createWriteStream } from "node:fs"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createGzip } from "node:zlib"
import type { ExportSource } from "../../src/core/proof/check-export.ts"
import { linesIn } from "./lines.ts"

export function recordFile(name: string): ExportSource {
  return { name, lines: () => linesIn(name) }
}

/** @param chunks texts of whole lines */
export async function writeRecordFile(name: string, chunks: AsyncIterable<string>): Promise<void> {
  const file = createWriteStream(name)
  if (name.endsWith(".gz")) await pipeline(Readable.from(chunks), createGzip(), file)
  else await pipeline(Readable.from(chunks), file)
}
