import { exports } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { exchangeForm } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { keyOf } from "../harness/gateways.ts"
import { US } from "../harness/issuers.ts"

yardForEach()

const PAGE = { Origin: "https://page.example", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "cross-site" }
const FORM = { "Content-Type": "application/x-www-form-urlencoded" }

const send = async (path: string, method: string, headers: Readonly<Record<string, string>>, body?: string) =>
  exports.default.fetch(
    new Request(US + path, { method, headers: { ...PAGE, ...headers }, ...(body !== undefined && { body }) }),
  )

/** As a browser asks before a request that no form could send. */
const preflight = async (path: string, method: string, names: string): Promise<Response> =>
  send(path, "OPTIONS", { "Access-Control-Request-Method": method, "Access-Control-Request-Headers": names })

const listOf = (response: Response, name: string): readonly string[] =>
  (response.headers.get(name) ?? "").toLowerCase().split(/, ?/)

const FOR_PAGES: Readonly<Record<string, readonly [method: string, names: string]>> = {
  "/.well-known/oauth-authorization-server": ["GET", "mcp-protocol-version"],
  "/.well-known/oauth-protected-resource/envoy": ["GET", "mcp-protocol-version"],
  "/.well-known/oauth-protected-resource/envoy/desk/mcp": ["GET", "mcp-protocol-version"],
  "/.well-known/jwks.json": ["GET", "mcp-protocol-version"],
  "/oauth/token": ["POST", "authorization,content-type,dpop"],
  "/oauth/revoke": ["POST", "authorization,content-type,dpop"],
}

test("a path that is served for another method says for which (RFC 9110, section 15.5.6)", async () => {
  const allowed: Readonly<Record<string, string>> = {
    "/oauth/token": "POST",
    "/oauth/revoke": "POST",
    "/oauth/introspect": "POST",
    "/oauth/bc-authorize": "POST",
    "/v1/tasks/tsk_1/complete": "POST",
  }
  for (const [path, Allow] of Object.entries(allowed)) {
    for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
      const { status, headers } = await send(path, method, {})
      expect([path, method, status, headers.get("allow")]).toEqual([path, method, 405, Allow])
    }
  }
  expect((await send("/healthz", "POST", {})).headers.get("allow")).toBe("GET, HEAD")
  const nowhere = await send("/oauth/tokens", "GET", {})
  expect([nowhere.status, nowhere.headers.has("allow")]).toEqual([404, false])
  expect((await send("/.well-known/oauth-protected-resource/none", "GET", {})).status).toBe(404)
})

describe("a page of any origin may read", () => {
  test.each(Object.entries(FOR_PAGES))("%s", async (path, [method, names]) => {
    const asked = await preflight(path, method, names)
    expect(asked.status).toBe(204)
    expect(asked.headers.get("Access-Control-Allow-Origin")).toBe("*")
    expect(listOf(asked, "Access-Control-Allow-Methods")).toContain(method.toLowerCase())
    expect(listOf(asked, "Access-Control-Allow-Headers")).toEqual(expect.arrayContaining(names.split(",")))
    const answer = await send(path, method, method === "POST" ? FORM : {}, method === "POST" ? "" : undefined)
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe("*")
    const exposed = listOf(answer, "Access-Control-Expose-Headers")
    expect(exposed).toEqual(expect.arrayContaining(["dpop-nonce", "www-authenticate", "retry-after"]))
    for (const { headers } of [asked, answer]) expect(headers.has("Access-Control-Allow-Credentials")).toBe(false)
  })

  test("a token that is issued, and why none is", async () => {
    const given = Object.entries(await exchangeForm("first"))
    const form = new URLSearchParams(
      given.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
    ).toString()
    const issued = await send("/oauth/token", "POST", FORM, form)
    expect([issued.status, issued.headers.get("Access-Control-Allow-Origin")]).toEqual([200, "*"])
    const refused = await send("/oauth/token", "POST", FORM, "grant_type=client_credentials")
    expect([refused.status, refused.headers.get("Access-Control-Allow-Origin")]).toEqual([401, "*"])
    expect(refused.headers.get("Cache-Control")).toBe("no-store")
  })
})

describe("a page of another origin may not read", () => {
  test.each([
    ["/oauth/authorize", "GET"],
    ["/oauth/introspect", "POST"],
    ["/oauth/bc-authorize", "POST"],
    ["/sign-in", "GET"],
    ["/sign-out", "POST"],
    ["/console", "GET"],
    ["/console/approvals", "GET"],
    ["/v1/tasks", "GET"],
    ["/v1/decisions", "GET"],
    ["/v1/tools/filter", "POST"],
    ["/v1/events", "POST"],
    ["/access/v1/evaluation", "POST"],
    ["/authz/forward", "GET"],
    ["/authz/envoy/.well-known/jwks.json", "GET"],
    ["/openapi.json", "GET"],
    ["/healthz", "GET"],
    ["/nothing", "GET"],
    ["/oauth/token/more", "POST"],
  ])("%s", async (path, method) => {
    const asked = await preflight(path, method, "authorization,content-type")
    const answer = await send(path, method, {}, method === "POST" ? "" : undefined)
    for (const { headers } of [asked, answer]) {
      const ours = [...headers.keys()].filter((name) => name.startsWith("access-control-"))
      expect(ours).toEqual([])
    }
    expect(asked.ok).toBe(false)
  })

  test("what a gateway's key opens, or would", async () => {
    const headers = { "X-Narrowgate-Key": keyOf("envoy") }
    const answer = await send("/.well-known/jwks.json", "GET", headers)
    expect([answer.status, answer.headers.get("Access-Control-Allow-Origin")]).toEqual([403, null])
  })
})
