/** The built Worker in a bare workerd that has nothing else: how it starts, and what it makes of a `Host`. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { readManifest } from "../../dev/manifest.ts"
import { configure } from "./bare-narrowgate.ts"
import { BUILD_WITHIN_MS, buildWorker, plainWorker, serve, START_WITHIN_MS } from "./bare-workerd.ts"

let directory = ""
let serving: Awaited<ReturnType<typeof serve<"http">>>

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-start-"))
  const { compatibilityDate } = await readManifest()
  const configuration = join(directory, "workerd.capnp")
  const main = `worker = ${plainWorker(await buildWorker(directory), compatibilityDate)}`
  await writeFile(configuration, configure({ main }, { http: "main" }))
  serving = await serve(configuration, directory, ["http"])
}, BUILD_WITHIN_MS + START_WITHIN_MS)

afterAll(async () => {
  await serving.server[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true, maxRetries: 3 })
})

async function statusOf(path: string, host: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(serving.ports.http, "127.0.0.1")
  let answer = ""
  socket.on("data", (chunk) => (answer += String(chunk)))
  socket.on("error", reject)
  socket.on("close", () => resolve(answer))
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX-Narrowgate-Key: k\r\nConnection: close\r\n\r\n`)
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await promise)?.[1])
}

// While it starts there is no request yet, and the platform refuses most of what a request may use.
test("starts: a call is rehearsed to its end, and nothing is complained of", async () => {
  expect((await fetch(`http://127.0.0.1:${serving.ports.http}/healthz`)).status).toBe(200)
  expect(serving.server.complaints()).toBe("")
})

/** No URL can have such a host; a gateway relays the `Host` of its client. */
const HOSTS = ["127.0.0.1:9000,evil", "127.0.0.1:9000.", "a b", "[", "foo:99999", "%", "a..b", "127.0.0.1:9000:9001"]

test.each(HOSTS)("an answer as to any other: %s", async (host) => {
  for (const path of ["/authz/envoy/free", "/authz/forward", "/oauth/token", "/console/", "/v1/decisions"]) {
    expect([path, await statusOf(path, host)]).toEqual([path, await statusOf(path, "authz.example")])
  }
  // Above 500 Envoy takes an answer for none.
  expect(await statusOf("/authz/envoy/free", host)).toBe(403)
})
