/** Servers that answer as a test says: those of others, which may be wrong or hostile. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { afterEach } from "vitest"
import { listen } from "../../../dev/loopback.ts"

const open: { readonly close: () => Promise<void> }[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server.close()
})

/** @returns its origin */
export async function serverThat(
  answers: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const listening = await listen(createServer(answers), 0)
  open.push(listening)
  return listening.origin
}

/** A server of documents, by path. */
export async function serverOf(documents: Readonly<Record<string, unknown>>, headers: Record<string, string> = {}) {
  return serverThat((request, response) => {
    const found = documents[request.url ?? ""]
    response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json", ...headers })
    response.end(JSON.stringify(found ?? null))
  })
}
