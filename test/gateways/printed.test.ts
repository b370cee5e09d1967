/**
 * What `narrowgate gateway config` prints runs: in each real gateway that is installed, over TLS on both sides, before
 * the real Worker. Only what a test needs is changed: the foreground, loopback, and a directory of its own.
 */
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { request as httpRequest, type IncomingMessage } from "node:http"
import { createServer, request, type Server } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { stringify } from "yaml"
import { z } from "zod"
import { login } from "../../cli/remote/local-stack-login.ts"
import { getToken } from "../../dev/demo/agent.ts"
import { listen, twoFreePorts, type Listening } from "../../dev/loopback.ts"
import { startStack, type Stack } from "../../dev/stack.ts"
import { selfSigned } from "../node/certificate.ts"
import { run } from "../node/cli/run.ts"
import { entryOf } from "./page.ts"
import type { Row } from "./row.ts"
import { installed, startGateway, type RunningGateway } from "./start.ts"
import { GATEWAYS } from "./table.ts"
import { startUpstream, type Upstream } from "./upstream.ts"

const ROWS = GATEWAYS.filter(installed)
const AGENT = "spiffe://example.org/agent/support"
const FILES = z.object({ files: z.array(z.object({ name: z.string(), text: z.string() })) })
const { key: tlsKey, cert } = selfSigned()

const parting = new AsyncDisposableStack()
afterAll(async () => parting.disposeAsync())
const adopt = <Part extends Pick<Listening, "close">>(part: Part): Part =>
  parting.adopt(part, async (each) => each.close())

/**
 * The Worker over TLS, under the name that the gateways verify, at both addresses that resolvers give for it.
 *
 * @returns its origin
 */
async function serveOverTls(to: string): Promise<string> {
  const serve = (): Server =>
    createServer({ key: tlsKey, cert }, (asked, answer) => {
      const { method, headers, url = "/" } = asked
      const passed = httpRequest(to + url, { method, headers }, (said) => {
        answer.writeHead(said.statusCode ?? 502, said.headers)
        said.pipe(answer)
      })
      passed.once("error", () => answer.destroy())
      asked.pipe(passed)
    })
  const first = adopt(await listen(serve(), 0))
  const { port: tlsPort } = new URL(first.origin)
  if (existsSync("/proc/net/if_inet6")) {
    const second = serve().listen(Number(tlsPort), "::1")
    await once(second, "listening")
    parting.defer(() => {
      second.close()
      second.closeAllConnections()
    })
  }
  return `https://localhost:${tlsPort}`
}

/** One after the other, they have one port, and so one origin. */
let port = 0
let origin = ""
let directory = ""
let stack: Stack
let worker: string
let upstream: Upstream
let token: string
const keys = new Map<string, string>()

beforeAll(async () => {
  if (ROWS.length === 0) return
  port = await twoFreePorts()
  origin = `https://localhost:${port}`
  directory = await mkdtemp(join(tmpdir(), "ng-printed-"))
  // Apache, started as root, serves as somebody else, who has to get at the authorities.
  await chmod(directory, 0o755)
  adopt({ close: async () => rm(directory, { recursive: true, force: true, maxRetries: 3 }) })
  const policies = join(directory, "policies")
  await cp(join(import.meta.dirname, "../../policies"), policies, {
    recursive: true,
    filter: (path) => !path.endsWith(".test.yaml"),
  })
  const gateways = ROWS.map(({ name, page }) => {
    const key = randomBytes(32).toString("hex")
    keys.set(name, key)
    const key_sha256 = [createHash("sha256").update(key).digest("hex")]
    return { ...entryOf(page), key_sha256, origins: [origin], audience: origin, environment: "development" }
  })
  await writeFile(join(policies, "gateways.yaml"), stringify({ gateways }))
  const catalog = join(policies, "catalog.yaml")
  const written = await readFile(catalog, "utf8")
  await writeFile(catalog, written.replaceAll(/http:\/\/127\.0\.0\.1:808[01]/g, origin))
  upstream = adopt(await startUpstream())
  stack = adopt(await startStack({ policies, port: await twoFreePorts(), state: join(directory, "state") }))
  worker = await serveOverTls(stack.origin)
  const session = await login({ origin: stack.provider, user: "alice" })
  const at = { narrowgate: stack.origin, provider: stack.provider }
  const wanted = {
    agent: AGENT,
    subject: session.access_token,
    purpose: "triage-ticket",
    scope: "crm.tickets.*:read desk.*:read",
  }
  token = (await getToken(at, wanted)).token?.access_token ?? ""
})

/** Over TLS, to the name in its certificate. */
async function call(
  path: string,
  bearer?: string,
  message?: string,
): Promise<{ response: IncomingMessage; body: string }> {
  const headers = {
    ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    ...(message !== undefined && { "content-type": "application/json" }),
  }
  const method = message === undefined ? "GET" : "POST"
  const socketOptions = { host: "localhost", port, path, method, headers, ca: cert, family: 4, agent: false as const }
  const asking = request(socketOptions).end(message)
  const [response] = await once(asking, "response")
  return { response, body: await text(response) }
}

/** Those that cut lists down, as the table in docs/guides/gateways/README.md says. */
const FILTERS: ReadonlySet<string> = new Set(["envoy", "nginx-njs"])

describe.each(ROWS.map((row) => [row.name, row] as const))("%s, as it is printed", (_name, row) => {
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startGateway(row, {
      authorizer: stack.origin,
      upstream: upstream.origin,
      key: keys.get(row.name) ?? "",
      host: "localhost",
      port,
      // Go and OpenSSL look there for the authorities of the system.
      environment: { SSL_CERT_FILE: join(directory, "ca/ca.pem"), SSL_CERT_DIR: join(directory, "ca") },
      printed: { files: async (place) => print(row, place), withTls: true },
    })
    await ready(gateway)
  })
  afterAll(async () => gateway?.close())

  test("asks Narrowgate, and denies a call without a token", async () => {
    const { response } = await call("/crm/tickets/42")
    expect([response.statusCode, response.headers["x-narrowgate-code"]]).toEqual([401, "missing_token"])
  })

  test("forwards what Narrowgate allows, with who called", async () => {
    const before = upstream.received.length
    const { response } = await call("/crm/tickets/42", token)
    expect(response.statusCode).toBe(200)
    const [received, ...others] = upstream.received.slice(before)
    expect(others).toEqual([])
    const named = received?.headers.find(([name]) => name.toLowerCase() === "x-narrowgate-agent")
    expect(named?.[1]).toBe(AGENT)
  })

  if (FILTERS.has(row.name)) {
    test("cuts a list down", async () => {
      const { response, body } = await call("/desk/mcp", token, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}')
      expect(response.statusCode).toBe(200)
      expect(JSON.parse(body)).toMatchObject({ result: { tools: [{ name: "search" }] } })
    })
  } else {
    test("promises to cut no list down", () => {
      expect(entryOf(row.page)).not.toHaveProperty("filters_lists")
    })
  }

  test("serves the metadata of the server that it guards", async () => {
    const { response, body } = await call("/.well-known/oauth-protected-resource/desk/mcp")
    expect(response.statusCode).toBe(200)
    expect(JSON.parse(body)).toMatchObject({ resource: `${origin}/desk/mcp`, authorization_servers: [stack.origin] })
  })
})

/** As a person runs it: the key, the certificate and the authorities are files, and the printed files go to `place`. */
async function print(row: Row, place: string): Promise<ReadonlyMap<string, string>> {
  const keyFile = join(place, "key")
  await writeFile(keyFile, keys.get(row.name) ?? "")
  await mkdir(join(directory, "ca"), { recursive: true })
  const authorities = join(directory, "ca/ca.pem")
  await writeFile(authorities, cert)
  for (const [name, content] of Object.entries({ crt: cert, key: tlsKey, pem: cert + tlsKey }))
    await writeFile(join(place, `localhost.${name}`), content)
  const { id } = entryOf(row.page)
  const { code, stdout, stderr } = await run(directory, [
    ...["gateway", "config", id, "--url", worker, "--upstream", new URL(upstream.origin).host],
    ...["--page", row.page.replace(".md", ""), "--key-file", keyFile],
    ...["--directory", place, "--ca", authorities, "--json"],
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  return new Map(FILES.parse(JSON.parse(stdout)).files.map(({ name, text: file }) => [name, file]))
}

const READY_WITHIN_MS = 20_000

/** It answers with a decision of Narrowgate's. */
async function ready({ log }: RunningGateway): Promise<void> {
  for (const until = Date.now() + READY_WITHIN_MS; Date.now() < until; await sleep(100)) {
    const answered = await call("/crm/tickets/42").catch(() => null)
    if (answered?.response.statusCode === 401) return
  }
  throw new Error(`no decision of Narrowgate's: ${log()}`)
}
