/** The Lambda of docs/guides/gateways/aws.md, as it stands there, in Node against the real Narrowgate in workerd. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest"
import { z } from "zod"
import { freePort, listen, type Listening } from "../../../dev/loopback.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { blockOf } from "../../gateways/page.ts"
import { AGENT, guarded, type Guarded } from "./guarded.ts"

const START_WITHIN_MS = 120_000
const HOST = "api.example"

type Handler = (event: unknown) => Promise<unknown>
const lambda = z.object({ handler: z.custom<Handler>((value) => typeof value === "function") })

let own: Guarded
let directory: string
let file: string
/** AWS's extension, as far as the Lambda knows it. */
let secrets: Listening
let asked: string[] = []
beforeAll(async () => {
  own = await guarded("aws", ["body: false", "request_id_header: x-request-id", "preflights: true"])
  directory = await mkdtemp(join(tmpdir(), "narrowgate-lambda-"))
  file = join(directory, "index.mjs")
  await writeFile(file, blockOf("aws.md", "The Lambda"))
  secrets = await listen(extension(), 0)
}, START_WITHIN_MS)
afterAll(async () => {
  await secrets.close()
  await own.close()
  await rm(directory, { recursive: true })
})
beforeEach(() => {
  asked = []
  vi.spyOn(console, "log").mockReturnValue()
  vi.spyOn(console, "error").mockReturnValue()
})

function extension(): Server {
  return createServer(({ url, headers }, response) => {
    asked.push(`${url} ${String(headers["x-aws-parameters-secrets-token"])}`)
    if (!url?.endsWith("?secretId=the-secret")) response.writeHead(400).end()
    else response.end(JSON.stringify({ SecretString: `${developmentKey("aws")}\n` }))
  })
}

let starts = 0
/** As it starts anew, with these variables. */
async function started(more: Readonly<Record<string, string>> = {}): Promise<Handler> {
  const variables = {
    NARROWGATE_URL: own.stack.origin,
    NARROWGATE_KEY_SECRET: "the-secret",
    PUBLIC_HOST: HOST,
    AWS_SESSION_TOKEN: "session",
    PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: new URL(secrets.origin).port,
  }
  for (const [name, value] of Object.entries({ ...variables, ...more })) vi.stubEnv(name, value)
  const { handler } = lambda.parse(await import(`${file}?${starts++}`))
  vi.unstubAllEnvs()
  return handler
}

interface Asking {
  readonly path?: string
  readonly query?: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly id?: string
  readonly domain?: string
}

/** Payload format 2.0. */
function event({ path = "/crm/tickets/42", query = "", method = "GET", headers, id, domain = HOST }: Asking = {}) {
  return {
    version: "2.0",
    type: "REQUEST",
    routeKey: "$default",
    rawPath: path,
    rawQueryString: query,
    headers: headers ?? { authorization: `Bearer ${own.token}`, host: domain },
    requestContext: {
      domainName: domain,
      http: { method, path, protocol: "HTTP/1.1", sourceIp: "203.0.113.7", userAgent: "a test" },
      requestId: id ?? `request-${starts++}`,
      stage: "$default",
    },
  }
}

const bearer = () => ({ authorization: `Bearer ${own.token}` })

test("allows with who calls, nothing of it empty, and with the path that was judged", async () => {
  const handler = await started()
  const allowed = {
    isAuthorized: true,
    context: {
      path: "/crm/tickets/42",
      agent: AGENT,
      user: `${own.stack.provider}|alice`,
      task: expect.stringMatching(/^tsk_/u),
      purpose: "triage-ticket",
      tool: "crm.tickets.get",
      decision: expect.stringMatching(/^dec_/u),
      transaction: "-",
    },
  }
  expect(await handler(event({ query: "full=1" }))).toEqual(allowed)
  expect(await handler(event())).toEqual(allowed)
  expect(asked).toEqual(["/secretsmanager/get?secretId=the-secret session"])
})

test("asked twice about one request it asks under that request's own id, whatever its client calls it", async () => {
  const handler = await started()
  const headers = { ...bearer(), "x-request-id": "mine" }
  const decided = z.object({ context: z.object({ decision: z.string() }) })
  const ask = async (id: string) => decided.parse(await handler(event({ id, headers }))).context.decision
  const [first, again, other] = [await ask("r-1"), await ask("r-1"), await ask("r-2")]
  expect([first === again, first === other]).toEqual([true, false])
})

test.each<readonly [string, () => Asking]>([
  ["outside the grant", () => ({ path: "/crm/customers/7" })],
  [
    "outside the grant, and a lie",
    () => ({ path: "/crm/customers/7", headers: { ...bearer(), "x-forwarded-uri": "/crm/tickets/42" } }),
  ],
  ["with an identity of its own", () => ({ headers: { ...bearer(), "x-narrowgate-agent": "evil" } })],
  ["with one in another spelling", () => ({ headers: { ...bearer(), X_Narrowgate_Agent: "evil" } })],
  ["with a Transaction Token of its own", () => ({ headers: { ...bearer(), "txn-token": "evil" } })],
  ["with a key of its own", () => ({ headers: { ...bearer(), "x-narrowgate-key": developmentKey("forward") } })],
  ["with a dot segment", () => ({ path: "/crm/../crm/tickets/42" })],
  ["with what was decoded", () => ({ path: "/crm/tickets/4 2" })],
  ["with what may be decoded again", () => ({ path: "/crm/tickets/%34" })],
  ["with a question mark in its path", () => ({ path: "/crm/tickets/42?x=/crm/tickets/42" })],
  ["at another host", () => ({ domain: "abc.execute-api.eu-central-1.amazonaws.com" })],
  ["with a method of nobody", () => ({ method: "BREW" })],
])("denies a call %s", async (_what, asking) => {
  const handler = await started()
  expect(await handler(event(asking()))).toEqual({ isAuthorized: false })
})

test.each<readonly [string, Readonly<Record<string, string>>]>([
  ["no token", {}],
  ["a bad one", { authorization: "Bearer nonsense" }],
  ["two", { authorization: "Bearer a,Bearer b" }],
])("asks for a token where there is %s", async (_what, headers) => {
  const handler = await started()
  await expect(handler(event({ headers }))).rejects.toThrow(/^Unauthorized$/u)
})

test("lets a browser's preflight through, as its entry says", async () => {
  const handler = await started()
  const headers = { origin: "https://app.example", "access-control-request-method": "GET" }
  expect(await handler(event({ method: "OPTIONS", headers }))).toMatchObject({
    isAuthorized: true,
    context: { agent: "-" },
  })
  await expect(handler(event({ method: "OPTIONS", headers: {} }))).rejects.toThrow("Unauthorized")
})

test("denies where Narrowgate is down, where the key cannot be read, where somebody else answers", async () => {
  const nobody = `http://127.0.0.1:${await freePort()}`
  const lax = await listen(
    createServer((_, response) => void response.end("yes")),
    0,
  )
  for (const more of [
    { NARROWGATE_URL: nobody },
    { NARROWGATE_KEY_SECRET: "another" },
    { NARROWGATE_URL: lax.origin },
  ]) {
    const handler = await started(more)
    expect(await handler(event())).toEqual({ isAuthorized: false })
  }
  await lax.close()
})
