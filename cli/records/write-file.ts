/** A file of exported records: NDJSON, compressed if the name ends in `.gz`. */
import { createWriteStream } from "node:fs"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { createGzip } from "node:zlib"

/** Of the levels of gzip: the usual one takes more than twice the time for a fiftieth less. */
const LEVEL = 3

/** @param chunks whole lines together */
export async function writeRecordFile(name: string, chunks: AsyncIterable<string | Buffer>): Promise<void> {
  const file = createWriteStream(name)
  if (name.endsWith(".gz")) await pipeline(Readable.from(chunks), createGzip({ level: LEVEL }), file)
  else await pipeline(Readable.from(chunks), file)
}
