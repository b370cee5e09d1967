import { createExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import { app } from "../../src/app.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, keyOf, readAnswer } from "../harness/gateways.ts"
import { US } from "../harness/issuers.ts"

yardForEach()

const DIALECTS = ["envoy", "nginx", "traefik", "caddy"]

/**
 * Targets that two parsers read differently (CVE-2019-9901, CVE-2021-29492, CVE-2021-32779, CVE-2026-41059): the
 * gateway, Narrowgate and the upstream could each take one for another path.
 */
const AMBIGUOUS: Readonly<Record<string, string>> = {
  "dot segment": "/vault/../files/a",
  "dot segment, encoded": "/vault/%2e%2e/files/a",
  "dot segment, half encoded": "/vault/.%2E/files/a",
  "one dot": "/files/./a",
  "one dot, encoded": "/files/%2e/a",
  "encoded slash": "/files/a%2fb",
  "encoded slash, upper case": "/files%2Fa",
  "encoded backslash": "/files%5ca",
  backslash: String.raw`/files\a`,
  "backslashes up": String.raw`/vault\..\files`,
  "encoded twice": "/files/%252e%252e",
  "two slashes": "//files/a",
  "two slashes inside": "/files//a",
  parameters: "/files/a;v=1",
  "parameters on a dot segment": "/vault/..;/files/a",
  NUL: "/files/a%00.txt",
  "line break": "/files/a%0d%0aX-Evil:1",
  delete: "/files/a%7f",
  "no hex after the percent sign": "/files/%zz",
  "a percent sign at the end": "/files/a%",
  fragment: "/vault/1#/../files/a",
  "fragment alone": "/files#",
  "not UTF-8": "/files/%ff",
  "overlong dot": "/files/%c0%ae%c0%ae/a",
  "raw non-ASCII": "/files/ä",
  blank: "/files/a b",
  "absolute form": "http://api.test/files/a",
  "another host's": "https://evil.test/files/a",
  "no slash": "files/a",
  "a star": "*",
  "a query with a separator of its own": "/files/a?x=1;y=2",
  "NUL in the query": "/files/a?x=%00",
  "no hex in the query": "/files/a?x=%",
  "an argument twice": "/files/a?x=1&x=2",
  "an argument of the path again in the query": "/files/a?file=b",
  "the same but for its case": "/files/a?File=b",
  "the same as a list": "/files/a?file[]=b",
  "too long": `/files/${"a".repeat(9_000)}`,
}

describe.each(["nginx", "traefik", "caddy"])("%s", (dialect) => {
  test.each(Object.keys(AMBIGUOUS))("%s is refused, never guessed", async (what) => {
    const path = AMBIGUOUS[what] ?? ""
    const { token } = await openTask("first", { purpose: "work" })
    const { code } = await callWith(token, path, {}, dialect)
    expect(code).toBe("malformed_call")
  })

  test("and what has one reading only is not", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    for (const path of [
      "/files/a",
      "/files/%61",
      "/files/a.b",
      "/files/...",
      "/files/a%20b",
      "/files/a?x=%2f..%2f",
      "/files?",
    ]) {
      expect((await callWith(token, path, {}, dialect)).code, path).toBe("ok")
    }
    expect((await callWith(token, "/files/", {}, dialect)).code).toBe("unknown_tool")
    expect((await callWith(token, "/Files/a", {}, dialect)).code).toBe("unknown_tool")
    // A query in the match is no path: what counts is before the mark.
    expect((await callWith(token, "/nowhere?x=/files/a", {}, dialect)).code).toBe("unknown_tool")
  })
})

/**
 * Those that read the same header, or say the same in another form, once more in a row: a denial leaves nothing behind.
 */
test.each(["ingress-nginx", "haproxy", "apache", "apisix", "aws", "kong"])("as through %s", async (dialect) => {
  const { token } = await openTask("first", { purpose: "work" })
  for (const [what, path] of Object.entries(AMBIGUOUS)) {
    // Kong tells the query as a table: what is no query it has read in its own way.
    if (dialect === "kong" && path.includes("?")) continue
    // It would be a part of the Host before it, which nothing is read from.
    if (dialect === "ingress-nginx" && what === "no slash") continue
    expect((await callWith(token, path, {}, dialect)).code, what).toBe("malformed_call")
  }
  expect((await callWith(token, "/files/a?x=%2f..%2f", {}, dialect)).code).toBe("ok")
})

/**
 * The Worker as it meets a request line that no URL parser has touched: workerd keeps it, a test's Request does not.
 */
async function rawRequest(target: string, init: RequestInit): Promise<Response> {
  const request = new Request(`${US}/`, init)
  Object.defineProperty(request, "url", { value: US + target })
  return app.fetch(request, env, createExecutionContext())
}

describe("envoy", () => {
  test.each(Object.keys(AMBIGUOUS))("%s is refused, also where the zone has resolved it", async (what) => {
    const path = AMBIGUOUS[what] ?? ""
    const { token } = await openTask("first", { purpose: "work" })
    const headers = {
      Authorization: `Bearer ${token}`,
      "X-Narrowgate-Key": keyOf("envoy"),
      "X-Narrowgate-Original-Path": path,
    }
    const arrivals = [
      `/authz/envoy${path}`,
      URL.canParse(`${US}/authz/envoy${path}`) ? new URL(`${US}/authz/envoy${path}`).pathname : "/",
    ]
    for (const arrived of [...arrivals, "/authz/envoy/files/a"]) {
      const response = await rawRequest(arrived, { headers })
      expect(response.status, arrived).toBeGreaterThanOrEqual(400)
    }
  })

  test("what the URL says and what the gateway repeats must lead to one place", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    const headers = { Authorization: `Bearer ${token}`, "X-Narrowgate-Key": keyOf("envoy") }
    const ask = async (target: string, original: string | null) => {
      const more = original === null ? {} : { "X-Narrowgate-Original-Path": original }
      return (await readAnswer(await rawRequest(target, { headers: { ...headers, ...more } }))).code
    }
    expect(await ask("/authz/envoy/files/a", "/files/a")).toBe("ok")
    expect(await ask("/authz/envoy/files/a", "/files/b")).toBe("malformed_call")
    expect(await ask("/authz/envoy/files/a", null)).toBe("malformed_call")
    expect(await ask("/authz/envoy/files/a?x=1", "/files/a")).toBe("malformed_call")
    expect(await ask("/authz/envoy/files/a", "/vault/../files/a")).toBe("malformed_call")
  })
})

/** Paths with which `..` would lead a gateway's request to an endpoint that answers 200 to anybody. */
const ESCAPES = [
  "/authz/envoy/../../healthz",
  "/authz/envoy/%2e%2e/%2e%2e/healthz",
  "/authz/envoy/..%2f..%2fhealthz",
  "/authz/envoy/..%5c..%5chealthz",
  String.raw`/authz/envoy/..\..\healthz`,
  "/authz/envoy//..//..//healthz",
  "/authz/envoy/..;/..;/healthz",
  "/authz/../healthz",
  "/authz/envoy/../../.well-known/jwks.json",
  "/authz/envoy/../../readyz",
  "/healthz",
  "/readyz",
  "/.well-known/jwks.json",
  "/.well-known/oauth-authorization-server",
  "/.well-known/oauth-protected-resource/envoy",
  "/%61uthz/../healthz",
  "/authz/envoy/../forward",
  "/authz/forward",
  "/authz",
  "/authz/",
]

describe("a request with a gateway's key gets a 2xx from the authorization paths only", () => {
  test.each(ESCAPES)("%s", async (target) => {
    const { token } = await openTask("first", { purpose: "work" })
    for (const gateway of DIALECTS) {
      for (const method of ["GET", "POST"]) {
        const headers = { "X-Narrowgate-Key": keyOf(gateway), Authorization: `Bearer ${token}` }
        const resolved = new URL(US + target)
        for (const arrived of [target, resolved.pathname]) {
          const { status } = await rawRequest(arrived, { method, headers })
          expect(status, `${gateway} ${method} ${arrived}`).toBeGreaterThanOrEqual(400)
        }
      }
    }
  })

  test("another dialect's endpoint, though the question be well put", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    const asked = {
      Authorization: `Bearer ${token}`,
      "X-Original-Method": "GET",
      "X-Original-URI": "/files/a",
      "X-Forwarded-Method": "GET",
      "X-Forwarded-Uri": "/files/a",
      "X-Narrowgate-Original-Path": "/files/a",
    }
    const wrong = [
      ["envoy", "/authz/forward"],
      ["envoy", `/authz/forward/${keyOf("envoy")}`],
      ["nginx", "/authz/envoy/files/a"],
      ["traefik", "/authz/envoy/files/a"],
      ["caddy", "/authz/envoy/files/a"],
    ] as const
    for (const [gateway, path] of wrong) {
      const response = await rawRequest(path, { headers: { ...asked, "X-Narrowgate-Key": keyOf(gateway) } })
      expect(await readAnswer(response)).toMatchObject({ status: 403, code: "unknown_gateway" })
    }
  })
})

describe("a path that is no endpoint", () => {
  const ask = async (key: string): Promise<Response> =>
    rawRequest("/authz/nginx", { headers: { "X-Narrowgate-Key": key } })

  test("is named to a gateway, with the endpoints that there are, and to no other client", async () => {
    const response = await ask(keyOf("nginx"))
    expect([response.status, await response.json()]).toEqual([
      403,
      expect.objectContaining({
        error: "unknown_gateway",
        error_description: "The gateway does not use its endpoint: there are /authz/envoy/ and /authz/forward.",
      }),
    ])
    for (const key of ["", "wrong"])
      expect(await (await ask(key)).json()).toMatchObject({
        error: "unknown_gateway",
        error_description: "The gateway is not known.",
      })
  })
})

describe("a literal beside a parameter", () => {
  const CATALOG = [
    ["files.purge", "/files/export"],
    ["files.purge", "/files/v1.0"],
    ["files.purge", "/files/{file}/Raw/all"],
    ["files.read", "/files/{file}/{part}/all"],
    ["files.read", "/files/{file}/{part}/one"],
  ] as const
  beforeEach(async () => {
    const { routes, ...body } = await yard()
    const more = CATALOG.map(([tool, path]) => ({
      tool,
      origin: "https://api.test",
      methods: ["GET"],
      path,
      integers: [],
    }))
    await publish({ ...body, routes: [...routes, ...more] }, 2)
  })

  /** Express and ASP.NET serve these as the literal, IIS and Rails some of them. */
  test.each([
    "/files/EXPORT",
    "/files/Export",
    "/files/export.json",
    "/files/export.",
    "/files/export%20",
    "/files/export%20.",
    "/files/%45xport.xml",
    "/files/V1.0",
    "/files/v1.0.json",
    "/files/a/raw/all",
  ])("is not called by %s with the parameter's tool", async (path) => {
    const { token } = await openTask("first", { scope: "files.*:read" })
    const { code } = await callWith(token, path, {}, "traefik")
    expect(code).toBe("malformed_call")
    const head = await callWith(token, path, { method: "HEAD" }, "traefik")
    expect(head.code).toBe("malformed_call")
  })

  test.each([
    ["/files/export", "insufficient_scope"],
    ["/files/a/Raw/all", "insufficient_scope"],
    ["/files/a/raw/one", "ok"],
    ["/files/exports", "ok"],
    ["/files/export-1", "ok"],
    ["/files/my.export", "ok"],
    ["/files/EXPORT/x/all", "ok"],
  ])("%s is read in one way: %s", async (path, expected) => {
    const { token } = await openTask("first", { scope: "files.*:read" })
    expect((await callWith(token, path, {}, "traefik")).code).toBe(expected)
  })
})

describe("origins", () => {
  test("with one, a Host says nothing; with several it chooses among them, and is none else", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    const host = async (gateway: string, host: string) => {
      const headers = { Authorization: `Bearer ${token}`, "X-Narrowgate-Key": keyOf(gateway) }
      const asked = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/files/a", "X-Forwarded-Host": host }
      return (await readAnswer(await rawRequest("/authz/forward", { headers: { ...headers, ...asked } }))).code
    }
    expect([await host("caddy", "evil.test"), await host("twin", "api.test")]).toEqual(["ok", "ok"])
    expect(await host("twin", "other.test")).toBe("unknown_tool")
    for (const wrong of ["evil.test", "api.test.evil.test", "api.test:444", ""]) {
      expect(await host("twin", wrong)).toBe("malformed_call")
    }
  })
})
