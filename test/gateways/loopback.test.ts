/**
 * What `narrowgate gateway config` prints for two upstreams on loopback runs unedited in each real gateway that is
 * installed, before the real Worker.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { stringify } from "yaml"
import { z } from "zod"
import { login } from "../../cli/remote/local-stack-login.ts"
import { getToken } from "../../dev/demo/agent.ts"
import { twoFreePorts, type Listening } from "../../dev/loopback.ts"
import { startStack, type Stack } from "../../dev/stack.ts"
import { run } from "../node/cli/run.ts"
import { entryOf } from "./page.ts"
import type { Row } from "./row.ts"
import { installed, startGateway, type RunningGateway } from "./start.ts"
import { GATEWAYS } from "./table.ts"
import { startUpstream, type Received, type Upstream } from "./upstream.ts"
import { send, type Answer, type Sent } from "./wire.ts"

const ROWS = GATEWAYS.filter(installed)
const FILES = z.object({ files: z.array(z.object({ name: z.string(), text: z.string() })) })
const WELL_KNOWN = "/.well-known/oauth-protected-resource"

const parting = new AsyncDisposableStack()
afterAll(async () => parting.disposeAsync())
const adopt = <Part extends Pick<Listening, "close">>(part: Part): Part =>
  parting.adopt(part, async (each) => each.close())

/** One after the other, they have one port, and so one origin. */
let port = 0
let directory = ""
let stack: Stack
let token = ""
const upstreams: Partial<Record<"desk" | "crm", Upstream>> = {}

beforeAll(async () => {
  if (ROWS.length === 0) return
  port = await twoFreePorts()
  const origin = `http://127.0.0.1:${port}`
  directory = await mkdtemp(join(tmpdir(), "ng-loopback-"))
  adopt({ close: async () => rm(directory, { recursive: true, force: true, maxRetries: 3 }) })
  const policies = join(directory, "policies")
  await cp(join(import.meta.dirname, "../../policies"), policies, {
    recursive: true,
    filter: (path) => !path.endsWith(".test.yaml"),
  })
  const gateways = ROWS.map(({ page }) => ({
    ...entryOf(page),
    origins: [origin],
    audience: origin,
    environment: "development",
  }))
  await writeFile(join(policies, "gateways.yaml"), stringify({ gateways }))
  const catalog = join(policies, "catalog.yaml")
  const written = await readFile(catalog, "utf8")
  await writeFile(catalog, written.replaceAll(/http:\/\/127\.0\.0\.1:808[01]/g, origin))
  for (const name of ["desk", "crm"] as const) upstreams[name] = adopt(await startUpstream())
  stack = adopt(await startStack({ policies, port: await twoFreePorts(), state: join(directory, "state") }))
  const session = await login({ origin: stack.provider, user: "alice" })
  const wanted = {
    agent: "spiffe://example.org/agent/support",
    subject: session.access_token,
    purpose: "triage-ticket",
    scope: "crm.tickets.*:read desk.*:read",
  }
  token = (await getToken({ narrowgate: stack.origin, provider: stack.provider }, wanted)).token?.access_token ?? ""
})
beforeEach(() => {
  for (const { received } of Object.values(upstreams)) received.length = 0
})

const bearer = (): readonly [string, string] => ["Authorization", `Bearer ${token}`]
const asked = (method: string, ...names: readonly string[]): NonNullable<Sent["headers"]> => [
  ["Origin", "https://app.example"],
  ["Access-Control-Request-Method", method],
  ["Access-Control-Request-Headers", names.join(", ")],
]

interface Case {
  readonly sent: () => Sent
  readonly status: number
  /** Who gets it; undefined: nobody. */
  readonly reaches?: "desk" | "crm"
  readonly then?: (answer: Answer, received: Received | undefined) => void
}

const headerOf = (received: Received | undefined, name: string): string | undefined =>
  received?.headers.find(([each]) => each.toLowerCase() === name)?.[1]

const CASES: Readonly<Record<string, Case>> = {
  "a call of the API": {
    sent: () => ({ target: "/crm/tickets/42?fields=title", headers: [bearer()] }),
    status: 200,
    reaches: "crm",
    then: (_answer, received) => expect(received?.target).toBe("/crm/tickets/42?fields=title"),
  },
  "a call of the MCP server": {
    sent: () => ({ target: "/desk/mcp", headers: [bearer(), ["Accept", "text/event-stream"]] }),
    status: 200,
    reaches: "desk",
  },
  "a call of the API without a token": { sent: () => ({ target: "/crm/tickets/42" }), status: 401 },
  "a call of the MCP server without a token": {
    sent: () => ({ method: "POST", target: "/desk/mcp", headers: [["Content-Type", "application/json"]], body: "{}" }),
    status: 401,
  },
  "a call outside the grant": { sent: () => ({ target: "/crm/customers/7", headers: [bearer()] }), status: 403 },
  "a call that resumes a stream": {
    sent: () => ({ target: "/desk/mcp", headers: [bearer(), ["Accept", "text/event-stream"], ["Last-Event-ID", "7"]] }),
    // Whose results come is not known: the grant does not have that.
    status: 403,
  },
  "a preflight of the API": {
    sent: () => ({ method: "OPTIONS", target: "/crm/tickets/42", headers: asked("GET", "authorization") }),
    status: 200,
    reaches: "crm",
  },
  "a preflight of the MCP server": {
    sent: () => ({
      method: "OPTIONS",
      target: "/desk/mcp",
      headers: asked("POST", "authorization", "content-type", "mcp-protocol-version"),
    }),
    status: 200,
    reaches: "desk",
    then: (_answer, received) =>
      expect([received?.method, headerOf(received, "x-narrowgate-agent") ?? ""]).toEqual(["OPTIONS", ""]),
  },
  "a preflight of the metadata": {
    sent: () => ({
      method: "OPTIONS",
      target: `${WELL_KNOWN}/desk/mcp`,
      headers: asked("GET", "mcp-protocol-version"),
    }),
    status: 204,
    then: ({ headers }) => {
      expect(headers.get("access-control-allow-origin")).toBe("*")
      expect(headers.get("access-control-allow-methods")).toContain("GET")
      expect(headers.get("access-control-allow-headers")?.toLowerCase()).toContain("mcp-protocol-version")
    },
  },
  "the metadata, to a page": {
    sent: () => ({ target: `${WELL_KNOWN}/desk/mcp`, headers: [["Origin", "https://app.example"]] }),
    status: 200,
    then: ({ headers }) => expect(headers.get("access-control-allow-origin")).toBe("*"),
  },
}

describe.each(ROWS.map((row) => [row.name, row] as const))("%s, as it is printed for two upstreams", (_name, row) => {
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startGateway(row, {
      authorizer: stack.origin,
      upstream: "http://127.0.0.1:9",
      key: "none",
      host: "127.0.0.1",
      port,
      printed: { files: async (place) => print(row, place), withTls: false },
    })
  })
  afterAll(async () => gateway?.close())

  test.each(Object.entries(CASES))("%s", async (_what, { sent, status, reaches, then }) => {
    const answer = await send(port, withHost(sent()))
    const { desk, crm } = upstreams
    const received = { desk: desk?.received ?? [], crm: crm?.received ?? [] }
    expect({ status: answer.status, desk: received.desk.length, crm: received.crm.length }).toEqual({
      status,
      desk: reaches === "desk" ? 1 : 0,
      crm: reaches === "crm" ? 1 : 0,
    })
    then?.(answer, reaches && received[reaches][0])
  })

  test.each(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"])(
    "a preflight that is a call to who reads %s",
    async (name) => {
      const sent: Sent = { method: "OPTIONS", target: "/desk/mcp", headers: [...asked("POST"), [name, "POST"]] }
      await send(port, withHost(sent))
      const names = allReceived().flatMap(({ headers }) => headers.map(([each]) => each.toLowerCase()))
      expect(names.filter((each) => /^x[-_](?:http[-_])?method/.test(each))).toEqual([])
    },
  )

  test.each([
    ["with its length", []],
    ["in chunks", [["Transfer-Encoding", "chunked"]]],
  ] as const)("a preflight with a body, %s", async (_what, framing) => {
    const message = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    const body = framing.length === 0 ? message : `${message.length.toString(16)}\r\n${message}\r\n0\r\n\r\n`
    await send(
      port,
      withHost({ method: "OPTIONS", target: "/desk/mcp", headers: [...asked("POST"), ...framing], body }),
    )
    expect(allReceived().flatMap((received) => received.body || [])).toEqual([])
  })
})

const allReceived = (): readonly Received[] => Object.values(upstreams).flatMap(({ received }) => received)
const withHost = (sent: Sent): Sent => ({ ...sent, headers: [["Host", `127.0.0.1:${port}`], ...(sent.headers ?? [])] })

/** As a person runs it: nothing is named but where the parts are. */
async function print(row: Row, place: string): Promise<ReadonlyMap<string, string>> {
  const { id } = entryOf(row.page)
  const at = (name: "desk" | "crm"): string => new URL(upstreams[name]?.origin ?? "").host
  const { code, stdout, stderr } = await run(directory, [
    ...["gateway", "config", id, "--url", stack.origin, "--upstream", at("crm"), "--upstream", `desk=${at("desk")}`],
    ...["--page", row.page.replace(".md", ""), "--directory", place, "--json"],
  ])
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
  const files = FILES.parse(JSON.parse(stdout)).files.map(({ name, text }) => [name, text] as const)
  expect(files.map(([, text]) => text).join("\n")).not.toMatch(/KEY_OF_THIS_GATEWAY|NARROWGATE_KEY|\.example|\/etc\//)
  return new Map(files)
}
