/** Services without any check of their own: whoever gets through to them is served, and they remember what they did. */
import { createServer } from "node:http"
import { text } from "node:stream/consumers"
import { listen } from "../../dev/loopback.ts"
import type { Deed } from "./world.ts"

export interface Services extends AsyncDisposable {
  readonly url: string
  readonly deeds: readonly Deed[]
}

export async function startServices(): Promise<Services> {
  const deeds: Deed[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      deeds.push({ method: request.method ?? "", path: request.url ?? "", body: body === "" ? null : read(body) })
      response.setHeader("content-type", "application/json").end('{"done":true}')
    })
  })
  const { origin, close } = await listen(server, 0)
  return { url: origin, deeds, [Symbol.asyncDispose]: close }
}

function read(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return body
  }
}
