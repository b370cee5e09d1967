/** A server of key documents on loopback, which tests tell what to answer: real fetches, whatever goes wrong. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { TestProject } from "vitest/node"

/** What a path answers until it is told otherwise. */
interface Told {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string
  /** Milliseconds before it answers. */
  readonly delay: number
}

export default async function issuerServer(project: TestProject): Promise<() => Promise<void>> {
  const told = new Map<string, Told>()
  const asked = new Map<string, number>()
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const path = request.url ?? "/"
    if (request.method === "PUT") {
      const chunks: Buffer[] = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        told.set(path, JSON.parse(Buffer.concat(chunks).toString()))
        response.end()
      })
      return
    }
    if (request.method === "OPTIONS") {
      response.end(String(asked.get(path) ?? 0))
      return
    }
    asked.set(path, (asked.get(path) ?? 0) + 1)
    const { status, headers, body, delay } = told.get(path) ?? { status: 404, headers: {}, body: "", delay: 0 }
    setTimeout(() => response.writeHead(status, headers).end(body), delay)
  }
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  if (typeof address !== "object" || !address) throw new Error("the issuers' server has no port")
  project.provide("issuerServer", `http://127.0.0.1:${address.port}`)
  return async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
