/** What commands say of a server on this machine that is not the local stack. */
import { createServer, type Server } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { listen, twoFreePorts, type Listening } from "../../../dev/loopback.ts"
import { selfSigned } from "../certificate.ts"
import { run } from "./run.ts"

let directory = ""
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-not-the-stack-"))
})
afterAll(async () => rm(directory, { recursive: true, force: true }))

let listening: Listening | undefined
afterEach(async () => listening?.close())

/** Returns its port, after which the next one is free, where the local stack has its identity provider. */
async function serving(server: Server): Promise<number> {
  const port = await twoFreePorts()
  listening = await listen(server, port)
  return port
}

const alive = (): Server =>
  createServer((request, response) => {
    const isAlive = request.url === "/healthz"
    response.writeHead(isAlive ? 200 : 401, { "content-type": "application/json" })
    response.end(JSON.stringify(isAlive ? { status: "alive" } : { error: "unauthenticated", error_description: "" }))
  })

test("a certificate of an authority of one's own is named as the cause, and how it is trusted", async () => {
  const port = await serving(createTlsServer(selfSigned(), (_request, response) => void response.end()))
  const claim = ["claim", "--url", `https://localhost:${port}`]
  const { code, stderr } = await run(directory, claim, { NARROWGATE_CLAIM: "x".repeat(60) })
  expect([code, stderr]).toEqual([
    3,
    expect.stringContaining(`error: the TLS certificate of localhost:${port} is self-`),
  ])
  expect(stderr).toContain("NODE_EXTRA_CA_CERTS=")
})

test("a Worker without the local stack's identity provider wants an operator's login", async () => {
  const url = `http://127.0.0.1:${await serving(alive())}`
  for (const command of [["history"], ["decisions", "tail"], ["revoke", "list"]]) {
    const { code, stderr } = await run(directory, [...command, "--url", url])
    expect([code, stderr]).toEqual([2, expect.stringContaining(`error: nobody is logged in at ${url}\n  fix: Log in`)])
  }
})

test("its port is not the local stack's, and the next one is not looked at", async () => {
  const port = await serving(alive())
  const { stdout } = await run(directory, ["doctor", "--url", `http://127.0.0.1:${port}`, "--json"])
  const { found }: { found: { check: string; about?: string; text: string }[] } = JSON.parse(stdout)
  const ports = found.filter(({ check }) => check === "port")
  expect(ports).toMatchObject([{ about: String(port), text: expect.stringMatching(/taken.*, the Worker's$/u) }])
})
