/** What stands for collectors and for a server with the API of S3: it unpacks what it gets and counts the records. */
import { createServer, type Server } from "node:http"
import { buffer } from "node:stream/consumers"
import { promisify } from "node:util"
import { gunzip } from "node:zlib"

/** Each record has its id once in each format. */
const RECORD = '"dec_'
/** Seconds that a sink waits for a collector that is down, unless a backfill has it begin again. */
const DOWN_FOR = 3_600

export interface Collector extends AsyncDisposable {
  /** URL of the sink with this name. */
  url(sink: string): string
  /** It takes records from now on. Until then it is down. */
  open(sink: string): void
  /** Records that it has taken. */
  taken(sink: string): number
}

export async function startCollector(): Promise<Collector> {
  const taken = new Map<string, number>()
  const server = createServer(async (request, response) => {
    const [, sink = ""] = (request.url ?? "").split("/")
    // A sender that is ended takes its request with it.
    const count = await buffer(request).then(recordsIn, () => 0)
    const before = taken.get(sink)
    if (before === undefined) {
      response.writeHead(503, { "retry-after": String(DOWN_FOR) }).end()
      return
    }
    taken.set(sink, before + count)
    response.writeHead(200).end()
  })
  const port = await portOf(server)
  return {
    url: (sink) => `http://127.0.0.1:${port}/${sink}`,
    open: (sink) => void taken.set(sink, 0),
    taken: (sink) => taken.get(sink) ?? 0,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function recordsIn(packed: Buffer): Promise<number> {
  const text = await promisify(gunzip)(packed)
  let count = 0
  for (let at = text.indexOf(RECORD); at >= 0; at = text.indexOf(RECORD, at + RECORD.length)) count += 1
  return count
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  if (typeof address !== "object" || !address) throw new Error("the collector has no port")
  return address.port
}
