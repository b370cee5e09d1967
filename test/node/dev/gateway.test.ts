import { once } from "node:events"
import { type ServerResponse, createServer, request as send } from "node:http"
import { connect, createServer as createTcpServer } from "node:net"
import { text } from "node:stream/consumers"
import { afterEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { type Gateway, startGateway } from "../../../dev/gateway.ts"
import { listen } from "../../../dev/loopback.ts"
import { type Api, startApi } from "../../../dev/upstreams.ts"
import { ALLOW, type Question, type StubAnswer, type StubAuthorizer, startStub, values } from "./stub-authorizer.ts"

const KEY = "gateway-key"
const DIALECTS = ["envoy", "nginx", "traefik", "caddy"] as const

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const part of closing.splice(0).toReversed()) await part.close()
})

interface Stack {
  readonly authorizer: StubAuthorizer
  readonly api: Api
  readonly gateway: Gateway
}

async function start(dialect: (typeof DIALECTS)[number], answer: (question: Question) => StubAnswer): Promise<Stack> {
  const authorizer = await startStub(answer)
  const api = await startApi({ port: 0 })
  const routes = [{ prefix: "/crm", upstream: `${api.url}/crm` }]
  const gateway = await startGateway({ port: 0, authorizer: { origin: authorizer.origin, key: KEY, dialect }, routes })
  closing.push(authorizer, api, gateway)
  return { authorizer, api, gateway }
}

/** Unlike fetch it sends a header twice, and any path as it is. */
async function call(origin: string, path: string, headers: readonly string[] = [], method = "GET", body = "") {
  const { hostname, port, host } = new URL(origin)
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    const length = body === "" ? [] : ["content-length", String(Buffer.byteLength(body))]
    send({ hostname, port, method, path, headers: ["host", host, ...length, ...headers], agent: false })
      .once("response", async (response) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: await text(response) })
      })
      .once("error", reject)
      .end(body)
  })
}

test("the metadata of what is behind it comes from Narrowgate, without a question and without a credential", async () => {
  const authorizer = await startStub(() => ({
    status: 200,
    headers: { "content-type": "application/json" },
    body: "{}",
  }))
  const gateway = await startGateway({
    port: 0,
    id: "edge",
    authorizer: { origin: authorizer.origin, key: KEY, dialect: "envoy" },
    routes: [{ prefix: "", upstream: "http://127.0.0.1:9" }],
  })
  closing.push(authorizer, gateway)
  const secrets = ["authorization", "Bearer secret", "dpop", "proof", "cookie", "a=b", "x-narrowgate-key", "evil"]
  for (const [method, below] of [
    ["GET", ""],
    ["GET", "/desk/mcp"],
    ["OPTIONS", "/desk/mcp"],
  ] as const) {
    const answer = await call(gateway.origin, `/.well-known/oauth-protected-resource${below}`, secrets, method)
    expect([answer.status, answer.body]).toEqual([200, "{}"])
    const origin = encodeURIComponent(gateway.origin)
    const asked = authorizer.asked.splice(0)
    expect(asked.map((each) => `${each.method} ${each.url}`)).toEqual([
      `${method} /.well-known/oauth-protected-resource/edge${below}?origin=${origin}`,
    ])
    for (let at = 0; at < secrets.length; at += 2) expect(values(asked[0], secrets[at] ?? "")).toEqual([])
  }
  expect(gateway.decisions()).toEqual([])
})

test.each([
  ["POST", "/.well-known/oauth-protected-resource"],
  ["GET", "/.well-known/oauth-protected-resource/../../healthz"],
  ["GET", "/.well-known/oauth-protected-resource/%2e%2e/healthz"],
  ["GET", "/.well-known/oauth-protected-resource?origin=https://evil.example"],
  ["GET", "/.well-known/oauth-protected-resource//desk"],
  ["GET", "/.well-known/oauth-protected-resources"],
  ["GET", "/.well-known/oauth-authorization-server"],
])("%s %s is authorized like any other request", async (method, target) => {
  const authorizer = await startStub(() => ({ status: 403, headers: {}, body: "{}" }))
  const gateway = await startGateway({
    port: 0,
    id: "edge",
    authorizer: { origin: authorizer.origin, key: KEY, dialect: "envoy" },
    routes: [{ prefix: "", upstream: "http://127.0.0.1:9" }],
  })
  closing.push(authorizer, gateway)
  expect((await call(gateway.origin, target, [], method)).status).toBe(403)
  expect(authorizer.asked.map(({ url }) => url)).toEqual([`/authz/envoy${target}`])
})

describe.each(DIALECTS)("%s", (dialect) => {
  test("an allowed request reaches the upstream with the authorizer's identity and no token", async () => {
    const { gateway, api } = await start(dialect, () => ALLOW)
    const claimed = ["X-Narrowgate-Agent", "X_Narrowgate_Agent", "X.Narrowgate.User", "x-narrowgate-task", "Txn-Token"]
    const forged = claimed.flatMap((name) => [name, "evil"])
    const token = ["Authorization", "Bearer secret", "DPoP", "proof"]
    const answer = await call(gateway.origin, "/crm/tickets/42?full=1", [...forged, ...token])
    expect(answer.status).toBe(200)
    expect(answer.headers["x-narrowgate-decision"]).toBe("dec_1")
    expect(answer.headers).not.toHaveProperty("x-narrowgate-agent")
    expect(api.received()).toEqual([{ method: "GET", name: "/crm/tickets/42?full=1", headers: ALLOW.headers }])
    expect(gateway.decisions()).toMatchObject([{ allowed: true, status: 200, decision: "dec_1" }])
  })

  test.each(["", "chunked"])("a body reaches the upstream whole (%s)", async (framing) => {
    const { gateway } = await start(dialect, () => ALLOW)
    const headers = framing === "" ? [] : ["transfer-encoding", framing]
    const { hostname, port, host } = new URL(gateway.origin)
    const body = JSON.stringify({ text: "x".repeat(200_000) })
    const answer = await new Promise<string>((resolve, reject) => {
      const length = framing === "" ? ["content-length", String(body.length)] : []
      const path = "/crm/tickets/42/replies"
      send({ hostname, port, method: "POST", path, headers: ["host", host, ...headers, ...length], agent: false })
        .once("response", (response) => resolve(text(response)))
        .once("error", reject)
        .end(body)
    })
    expect(JSON.parse(answer)).toMatchObject({ ticket: "42", body: JSON.parse(body) })
  })

  test.each(["transfer-encoding", "content-length"])("the body of a GET stays a body (%s)", async (framing) => {
    const arrived = Promise.withResolvers<string>()
    const raw = createTcpServer((socket) => {
      let bytes = ""
      socket.setEncoding("latin1").on("data", (chunk: string) => {
        bytes += chunk
        if (!bytes.includes("smuggled HTTP")) return
        arrived.resolve(bytes)
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
      })
    }).listen(0, "127.0.0.1")
    await once(raw, "listening")
    const { port: rawPort } = z.object({ port: z.number() }).parse(raw.address())
    const authorizer = await startStub(() => ALLOW)
    const routes = [{ prefix: "/crm", upstream: `http://127.0.0.1:${rawPort}` }]
    const gateway = await startGateway({
      port: 0,
      authorizer: { origin: authorizer.origin, key: KEY, dialect },
      routes,
    })
    closing.push({ close: async () => void raw.close() }, authorizer, gateway)

    const { hostname, port, host } = new URL(gateway.origin)
    const body = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"
    const socket = connect(Number(port), hostname)
    // Without its framing it would be a second request, which nobody authorized.
    const isChunked = framing === "transfer-encoding"
    const framed = isChunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body
    const head = `${framing}: ${isChunked ? "chunked" : String(body.length)}\r\n`
    socket.write(`GET /crm/tickets HTTP/1.1\r\nhost: ${host}\r\nconnection: close, ${framing}\r\n${head}\r\n${framed}`)
    await text(socket)
    const received = await arrived.promise
    expect(received.toLowerCase()).toContain(head)
    expect(received).toContain(isChunked ? `\r\n\r\n${body.length.toString(16)}\r\n${body}` : `\r\n\r\n${body}`)
  })

  test("a preflight carries nothing by which it is a call to its upstream", async () => {
    const { gateway, authorizer } = await start(dialect, () => ALLOW)
    const seen: (readonly string[])[] = []
    const source = createServer((request, response) => {
      seen.push(request.rawHeaders.filter((each) => /method/i.test(each)))
      response.end()
    })
    const upstream = await listen(source, 0)
    const routes = [{ prefix: "", upstream: upstream.origin }]
    const bare = await startGateway({ port: 0, authorizer: { origin: authorizer.origin, key: KEY, dialect }, routes })
    closing.push(upstream, bare)
    const names = ["X-HTTP-Method-Override", "X_HTTP_Method", "X-Method-Override", "Method-Override"]
    const headers = ["Access-Control-Request-Method", "POST", ...names.flatMap((name) => [name, "POST"])]
    expect((await call(bare.origin, "/crm/tickets", headers, "OPTIONS")).status).toBe(200)
    expect(seen).toEqual([["Access-Control-Request-Method"]])
    const { status } = await call(gateway.origin, "/crm/tickets", [], "OPTIONS", "{}")
    // With its body, Narrowgate is asked whether that is a call.
    const isShown = dialect === "envoy" || dialect === "traefik"
    expect([status === 400, authorizer.asked.length]).toEqual([!isShown, isShown ? 2 : 1])
  })

  test("names that Connection lists are dropped, the identity is not", async () => {
    const { gateway, api, authorizer } = await start(dialect, () => ALLOW)
    const headers = ["Connection", "close, X-Narrowgate-Agent, Authorization", "Authorization", "Bearer secret"]
    await call(gateway.origin, "/crm/tickets", headers)
    expect(values(authorizer.asked[0], "authorization")).toEqual([])
    expect(api.received()[0]?.headers).toEqual(ALLOW.headers)
  })

  test("a trace goes on: the authorizer gets the client's parent, the upstream the authorizer's alone", async () => {
    const parent = (span: string) => `00-4bf92f3577b34da6a3ce929d0e0e4736-${span}-01`
    const [client, decision] = [parent("00f067aa0ba902b7"), parent("53995c3f42cd8ad8")]
    const allows = [{ ...ALLOW, headers: { ...ALLOW.headers, traceparent: decision } }, ALLOW]
    const authorizer = await startStub(() => allows.shift() ?? ALLOW)
    const upstream = await startStub(() => ({ status: 200 }))
    const gateway = await startGateway({
      port: 0,
      authorizer: { origin: authorizer.origin, key: KEY, dialect },
      routes: [{ prefix: "", upstream: upstream.origin }],
    })
    closing.push(authorizer, upstream, gateway)
    for (const path of ["/traced", "/not-answered"]) await call(gateway.origin, path, ["Traceparent", client])
    expect(authorizer.asked.map((each) => values(each, "traceparent"))).toEqual([[client], [client]])
    expect(upstream.asked.map((each) => values(each, "traceparent"))).toEqual([[decision], [client]])
  })

  test("two Authorization headers are shown to the authorizer as two", async () => {
    const { gateway, authorizer } = await start(dialect, () => ALLOW)
    await call(gateway.origin, "/crm/tickets", ["Authorization", "Bearer a", "Authorization", "Bearer b"])
    expect(values(authorizer.asked[0], "authorization")).toEqual(["Bearer a", "Bearer b"])
  })

  test("a dead authorizer fails closed", async () => {
    const { gateway, api, authorizer } = await start(dialect, () => ALLOW)
    closing.splice(closing.indexOf(authorizer), 1)
    await authorizer.close()
    const answer = await call(gateway.origin, "/crm/tickets")
    expect(answer.status).toBe(dialect === "envoy" ? 403 : 500)
    expect(api.received()).toEqual([])
  })

  test.each([500, 503, 302, 404, ...(dialect === "envoy" ? [201] : [])])(
    "a %i of the authorizer fails closed",
    async (status) => {
      const { gateway, api } = await start(dialect, () => ({ status, headers: ALLOW.headers ?? {} }))
      const hides = dialect === "envoy" && status >= 500
      const expected = dialect === "nginx" ? 500 : hides ? 403 : status
      const answer = await call(gateway.origin, "/crm/tickets")
      expect(answer.status).toBe(expected)
      expect(answer.headers).not.toHaveProperty("x-narrowgate-agent")
      expect(api.received()).toEqual([])
    },
  )

  test.each([401, 403])("a %i carries the challenge and the code", async (status) => {
    const headers = { "www-authenticate": "Bearer scope=x", "x-narrowgate-code": "insufficient_scope" }
    const { gateway, api } = await start(dialect, () => ({ status, headers, body: "why" }))
    const answer = await call(gateway.origin, "/crm/tickets")
    expect(answer.status).toBe(status)
    expect(answer.headers).toMatchObject(headers)
    expect(answer.body === "why").toBe(dialect !== "nginx")
    expect(api.received()).toEqual([])
    expect(gateway.decisions()).toMatchObject([{ allowed: false, status, code: "insufficient_scope" }])
  })

  test.each([200, 202])("a denial for an MCP client states that its status is %i", async (stated) => {
    const headers = { "x-narrowgate-code": "unknown_tool", "x-narrowgate-status": String(stated) }
    const { gateway, api } = await start(dialect, () => ({ status: 403, headers, body: "why" }))
    const status = dialect === "envoy" ? stated : 403
    expect((await call(gateway.origin, "/crm/tickets")).status).toBe(status)
    expect(api.received()).toEqual([])
    expect(gateway.decisions()).toMatchObject([{ allowed: false, status, code: "unknown_tool" }])
  })

  test.each([204, 302, 404, 500])("a denial states no other status: %i", async (stated) => {
    const headers = { "x-narrowgate-code": "unknown_tool", "x-narrowgate-status": String(stated) }
    const { gateway } = await start(dialect, () => ({ status: 403, headers }))
    expect((await call(gateway.origin, "/crm/tickets")).status).toBe(403)
  })

  test.each(["/mail/messages", "/crmx", "/", "http://elsewhere.example/crm/tickets"])(
    "%s has no route",
    async (path) => {
      const { gateway, api, authorizer } = await start(dialect, () => ALLOW)
      expect((await call(gateway.origin, path)).status).toBe(path.startsWith("/") ? 404 : 400)
      expect([...api.received(), ...authorizer.asked]).toEqual([])
    },
  )
})

describe("what the authorizer is asked", () => {
  test("envoy: method, raw path, listed headers, body, and a request id of the gateway's own", async () => {
    const { gateway, authorizer } = await start("envoy", () => ALLOW)
    const path = "/crm/x/../tickets//%2e%2e/42?a=%20&b"
    const headers = ["X-Request-Id", "mine", "Cookie", "c=1", "Mcp-Method", "tools/call", "X-Narrowgate-Key", "forged"]
    await call(gateway.origin, path, ["Authorization", "Bearer t", ...headers], "POST", '{"a":1}')
    const [question] = authorizer.asked
    expect(question).toMatchObject({ method: "POST", url: `/authz/envoy${path}`, body: '{"a":1}' })
    expect(values(question, "authorization")).toEqual(["Bearer t"])
    expect(values(question, "mcp-method")).toEqual(["tools/call"])
    expect(values(question, "x-narrowgate-key")).toEqual([KEY])
    expect(values(question, "cookie")).toEqual([])
    expect(values(question, "x-request-id")).toEqual([gateway.decisions()[0]?.requestId])
  })

  test("nginx: a GET without a body, with the original method and URI set by the gateway", async () => {
    const { gateway, authorizer } = await start("nginx", () => ALLOW)
    const forged = ["X-Original-URI", "/public", "X-Original-Method", "GET", "X-Narrowgate-Key", "forged"]
    await call(gateway.origin, "/crm/tickets/42/replies?x", [...forged, "Cookie", "c=1"], "POST", '{"a":1}')
    const [question] = authorizer.asked
    expect(question).toMatchObject({ method: "GET", url: "/authz/forward", body: "" })
    expect(values(question, "x-original-uri")).toEqual(["/crm/tickets/42/replies?x"])
    expect(values(question, "x-original-method")).toEqual(["POST"])
    expect(values(question, "x-narrowgate-key")).toEqual([KEY])
    expect(values(question, "cookie")).toEqual(["c=1"])
  })

  test.each([
    ["traefik", "POST", '{"a":1}'],
    ["caddy", "GET", ""],
  ] as const)("%s: what it says of the request is its own", async (dialect, method, body) => {
    const { gateway, authorizer } = await start(dialect, () => ALLOW)
    const forged = ["X-Forwarded-Uri", "/public", "X_Forwarded_Method", "GET", "X-Forwarded-Host", "evil.example"]
    await call(gateway.origin, "/crm/tickets/42/replies?x", forged, "POST", '{"a":1}')
    const [question] = authorizer.asked
    expect(question).toMatchObject({ method, url: "/authz/forward", body })
    expect(values(question, "x-forwarded-uri")).toEqual(["/crm/tickets/42/replies?x"])
    expect(values(question, "x-forwarded-method")).toEqual(["POST"])
    expect(values(question, "x_forwarded_method")).toEqual([])
    expect(values(question, "x-forwarded-host")).toEqual([new URL(gateway.origin).host])
    expect(values(question, "x-narrowgate-key")).toEqual([KEY])
  })

  test("envoy: a body beyond 1 MiB is refused, not cut", async () => {
    const { gateway, authorizer } = await start("envoy", () => ALLOW)
    const body = "x".repeat(1024 * 1024 + 1)
    expect((await call(gateway.origin, "/crm/tickets/42/replies", [], "POST", body)).status).toBe(413)
    expect(authorizer.asked).toEqual([])
  })
})

test("an event stream passes event by event, and ends at the upstream when its client leaves", async () => {
  const ended = Promise.withResolvers<void>()
  const events = Promise.withResolvers<ServerResponse>()
  const source = createServer((_request, response) => {
    response.once("close", ended.resolve)
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders()
    events.resolve(response)
  })
  const upstream = await listen(source, 0)
  const authorizer = await startStub(() => ALLOW)
  const routes = [{ prefix: "", upstream: upstream.origin }]
  const asked = { origin: authorizer.origin, key: KEY, dialect: "envoy" as const }
  const gateway = await startGateway({ port: 0, authorizer: asked, routes })
  closing.push(upstream, authorizer, gateway)

  const leave = new AbortController()
  const response = await fetch(`${gateway.origin}/events`, { signal: leave.signal })
  const stream = await events.promise
  stream.write("data: first\n\n")
  const { value } = (await response.body?.getReader().read()) ?? {}
  expect(new TextDecoder().decode(value)).toBe("data: first\n\n")
  leave.abort()
  await ended.promise
})

test.each([
  ["Last-Event-ID", undefined, ["7"]],
  ["Last-Event-ID", "desk", []],
  ["Last_Event_ID", "desk", []],
  ["Last-Event_ID", undefined, []],
] as const)(
  "a client resumes no stream of a server whose lists are cut down, and none in another spelling (%s, %s)",
  async (name, server, seen) => {
    const asked: string[] = []
    const source = createServer((request, response) => {
      asked.push(
        ...Object.entries(request.headersDistinct).flatMap(([each, all]) => (/last/.test(each) ? (all ?? []) : [])),
      )
      response.end()
    })
    const upstream = await listen(source, 0)
    const authorizer = await startStub(() => ALLOW)
    const routes = [{ prefix: "", upstream: upstream.origin, ...(server && { server }) }]
    const asking = { origin: authorizer.origin, key: KEY, dialect: "envoy" as const }
    const gateway = await startGateway({ port: 0, authorizer: asking, routes })
    closing.push(upstream, authorizer, gateway)
    expect((await call(gateway.origin, "/mcp", [name, "7"])).status).toBe(200)
    expect(asked).toEqual(seen)
  },
)

test("what an upstream says in Narrowgate's name, or of where to sign in, does not reach the client", async () => {
  const forged = {
    "X-Narrowgate-Code": "ok",
    "WWW-Authenticate": 'Bearer resource_metadata="https://evil.example/"',
    "DPoP-Nonce": "forged",
  }
  const upstream = await listen(
    createServer((_request, response) => response.writeHead(401, forged).end()),
    0,
  )
  const authorizer = await startStub(() => ALLOW)
  const routes = [{ prefix: "", upstream: upstream.origin }]
  const asking = { origin: authorizer.origin, key: KEY, dialect: "envoy" as const }
  const gateway = await startGateway({ port: 0, authorizer: asking, routes })
  closing.push(upstream, authorizer, gateway)
  const { status, headers } = await call(gateway.origin, "/mcp")
  expect(status).toBe(401)
  for (const name of Object.keys(forged)) expect(headers, name).not.toHaveProperty(name.toLowerCase())
})

test("a foreign Host is refused", async () => {
  const { gateway, api } = await start("envoy", () => ALLOW)
  const { hostname, port } = new URL(gateway.origin)
  const status = await new Promise((resolve, reject) => {
    send({ hostname, port, path: "/crm/tickets", headers: { host: "elsewhere.example" }, agent: false })
      .once("response", (response) => resolve(response.resume().statusCode))
      .once("error", reject)
      .end()
  })
  expect(status).toBe(421)
  expect(api.received()).toEqual([])
})

test.each([
  ["", "", "/mail/a?b=/c", "/mail/a?b=/c"],
  ["", "/", "/mail/a", "/mail/a"],
  ["", "/base/", "/mail/a", "/base/mail/a"],
  ["/desk/mcp", "/mcp/", "/desk/mcp", "/mcp/"],
  ["/desk/mcp", "/mcp/", "/desk/mcp/a", "/mcp/a"],
  ["/desk/mcp", "", "/desk/mcp?a=b", "/?a=b"],
])("below %j, an upstream at path %j gets %s as %s", async (prefix, path, target, expected) => {
  const targets: (string | undefined)[] = []
  const upstream = await listen(
    createServer((request, response) => void (targets.push(request.url), response.end())),
    0,
  )
  const authorizer = await startStub(() => ALLOW)
  const routes = [{ prefix, upstream: upstream.origin + path }]
  const gateway = await startGateway({
    port: 0,
    authorizer: { origin: authorizer.origin, key: KEY, dialect: "envoy" },
    routes,
  })
  closing.push(upstream, authorizer, gateway)
  expect((await call(gateway.origin, target)).status).toBe(200)
  expect(targets).toEqual([expected])
})
