/** Publishes a trust domain's bundle on loopback: what SPIRE says at each request, or what a test says instead. */
import { createServer } from "node:http"
import { type Listening, listen } from "../../dev/loopback.ts"

export interface BundleEndpoint extends Listening {
  readonly url: string
  /** Requests so far. */
  readonly asked: () => number
  /** From now on another document. */
  readonly replace: (read: () => Promise<string>) => void
}

export async function publishBundle(read: () => Promise<string>): Promise<BundleEndpoint> {
  let current = read
  let asked = 0
  const server = createServer(async (_request, response) => {
    asked++
    try {
      const document = await current()
      response.writeHead(200, { "content-type": "application/json" }).end(document)
    } catch {
      response.writeHead(500).end()
    }
  })
  const listening = await listen(server, 0)
  return {
    ...listening,
    url: `${listening.origin}/bundle`,
    asked: () => asked,
    replace(other) {
      current = other
    },
  }
}
