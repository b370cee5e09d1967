import { exports } from "cloudflare:workers"
import { beforeEach, describe, expect, test } from "vitest"
import type { WorkerAnswer, WorkerCall, WorkerList } from "../../../src/gateway/rpc.ts"
import { openTask } from "../../harness/agents.ts"
import { publish, yard } from "../../harness/bundles.ts"
import { freshIsolateForEach } from "../../harness/each-test.ts"
import { askAs, keyOf, ORIGIN } from "../../harness/gateways.ts"
import { agentId } from "../../harness/issuers.ts"
import { callsOf } from "../../harness/ledgers.ts"
import { toolList, withServers } from "../../harness/listings.ts"
import { newProofKey, proofForToken, proofOf } from "../../harness/proofs.ts"
import { recordOf } from "../../harness/records.ts"

beforeEach(async () => {
  await publish(withServers(await yard()))
})
freshIsolateForEach()

/** Over the binding: what crosses is copied, as between two Workers. */
const ask = async (call: Partial<WorkerCall> & Pick<WorkerCall, "url" | "headers">): Promise<WorkerAnswer> =>
  exports.Authorizer.authorize({ key: keyOf("worker"), method: "GET", ...call })
const codeOf = ({ headers, allowed }: WorkerAnswer): string => (allowed ? "ok" : (headers["x-narrowgate-code"] ?? ""))
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
const FILE = `${ORIGIN}/files/a`

describe("a Worker that is bound to this one", () => {
  test("is told of an allow what a gateway is told", async () => {
    const { token, task } = await openTask("first")
    const answer = await ask({ url: FILE, headers: { ...bearer(token), "X-Narrowgate-Agent": "forged" } })
    expect(answer).toMatchObject({ allowed: true, status: 200, body: "" })
    expect(answer.headers).toMatchObject({
      "x-narrowgate-agent": agentId("first"),
      "x-narrowgate-task": task,
      "x-narrowgate-tool": "files.read",
      "txn-token": "",
    })
    expect(await recordOf(answer.headers["x-narrowgate-decision"] ?? "")).toMatchObject({
      gateway: "worker",
      kind: "call",
      path: "/files/a",
    })
    expect(await callsOf(task)).toBe(1)
  })

  test("is told of a denial what the agent is to get", async () => {
    const { token } = await openTask("first", { scope: "files.list:read" })
    const answer = await ask({ url: FILE, headers: bearer(token) })
    expect(answer).toMatchObject({ allowed: false, status: 403 })
    expect(answer.headers["www-authenticate"]).toContain('scope="files.list:read files.read:read"')
    expect(JSON.parse(answer.body)).toMatchObject({ error: "insufficient_scope" })
    expect(codeOf(await ask({ url: FILE, headers: {} }))).toBe("missing_token")
  })

  test("brings the body: as text, as bytes, or none", async () => {
    const { token } = await openTask("first")
    const headers = { ...bearer(token), "Content-Type": "application/json" }
    const mail = (body: WorkerCall["body"]) => ask({ method: "POST", url: `${ORIGIN}/mail`, headers, body })
    const inHouse = '{"to":"a@example.org"}'
    expect(codeOf(await mail(inHouse))).toBe("ok")
    expect(codeOf(await mail(new Uint8Array(new TextEncoder().encode(inHouse))))).toBe("ok")
    expect(codeOf(await mail('{"to":"a@elsewhere.test"}'))).toBe("policy_denied")
    expect(codeOf(await mail('{"to":"a@example.org","to":"b"}'))).toBe("malformed_call")
    expect(codeOf(await mail(null))).toBe("policy_denied")
  })

  test.each<readonly [string, Partial<WorkerCall>]>([
    ["Content-Length", { headers: { "Content-Length": "12" } }],
    ["Content-Length, and a part of it", { headers: { "content-length": "12" }, body: "{}" }],
    ["Content-Length, and an empty text", { headers: { "content-length": "12" }, body: "" }],
    ["Content-Length, and no bytes", { headers: { "content-length": "12" }, body: new Uint8Array() }],
    ["Transfer-Encoding", { headers: [["transfer-encoding", "chunked"]] }],
  ])("is refused with a body that it does not pass and that is announced by %s", async (_what, { headers, body }) => {
    const { token } = await openTask("first", { scope: "files.*:write" })
    const own = Array.isArray(headers) ? headers : Object.entries(headers ?? {})
    const sent = (more: readonly [string, string][]) => [...Object.entries(bearer(token)), ...more]
    for (const passed of [body ?? null, null]) {
      const call = { method: "PUT", url: FILE, body: passed }
      const answer = await ask({ ...call, headers: sent(own) })
      expect([codeOf(answer), answer.allowed]).toEqual(["malformed_call", false])
      expect(await recordOf(answer.headers["x-narrowgate-decision"] ?? "")).toMatchObject({ gateway: "worker" })
      expect(codeOf(await ask({ ...call, headers: sent([["Content-Length", "0"]]) }))).toBe("ok")
    }
  })

  test("says of each call that may have a body whether it has one", async () => {
    const { token } = await openTask("first", { scope: "files.*:write files.*:read" })
    const headers = bearer(token)
    expect(codeOf(await ask({ method: "PUT", url: FILE, headers }))).toBe("malformed_call")
    expect(codeOf(await ask({ method: "PUT", url: FILE, headers, body: null }))).toBe("ok")
    expect(codeOf(await ask({ url: FILE, headers }))).toBe("ok")
  })

  test("says where the request goes: what its client says of that counts for nothing", async () => {
    const { token } = await openTask("first", { scope: "files.list:read" })
    const headers = {
      ...bearer(token),
      "X-Forwarded-Method": "GET",
      "X-Forwarded-Uri": "/files",
      "X-Forwarded-Host": "api.test",
      "X-Original-URI": "/files",
    }
    expect(codeOf(await ask({ url: FILE, headers }))).toBe("insufficient_scope")
    expect(codeOf(await ask({ url: "https://other.test/files", headers }))).toBe("unknown_tool")
    expect(codeOf(await ask({ url: "https://evil.test/files", headers }))).toBe("malformed_call")
    expect(codeOf(await ask({ url: `${ORIGIN}/files`, headers }))).toBe("ok")
  })

  test.each<readonly [string, Partial<WorkerCall>]>([
    ["a dot segment", { url: `${ORIGIN}/files/../files` }],
    ["an encoded one", { url: `${ORIGIN}/files/%2e%2e/files` }],
    ["a fragment", { url: `${ORIGIN}/files#a` }],
    ["no URL", { url: "/files" }],
    ["no path", { url: ORIGIN }],
    ["a user in the URL", { url: "https://a@api.test/files" }],
    // `fetch` would take these to another path, or another host.
    ["a backslash in the host", { url: "https://api.test\\files/files" }],
    ["a backslash and dots in the host", { url: "https://api.test\\..\\x/files" }],
    ["a tab in the host", { url: "https://api.test\t\\vault/files" }],
    ["a backslash before the host", { url: "https://\\api.test/files" }],
    ["a dot after the host", { url: "https://api.test./files" }],
    ["another scheme", { url: "http://api.test/files" }],
    ["another port", { url: "https://api.test:8443/files" }],
    ["a host of nobody", { url: "https://evil.test/files" }],
    ["a blank after the path, which a header would lose", { url: `${ORIGIN}/files ` }],
    ["a line's end there", { url: `${ORIGIN}/files\n` }],
    ["a blank after the method", { method: "GET " }],
    ["no method", { method: "get it" }],
    ["a header that none can be", { headers: { "a b": "c" } }],
    [
      "a second Authorization",
      {
        headers: [
          ["Authorization", "Bearer a"],
          ["authorization", "Bearer b"],
        ],
      },
    ],
  ])("is refused with %s", async (what, more) => {
    const { token } = await openTask("first")
    const answer = await ask({ url: `${ORIGIN}/files`, headers: bearer(token), ...more })
    expect(codeOf(answer)).toBe(what === "a second Authorization" ? "invalid_token" : "malformed_call")
    expect(answer.allowed).toBe(false)
  })

  test.each([
    ["https://evil.test/files", "malformed_call"],
    ["https://api.test\\vault/files", "malformed_call"],
    ["https://API.test:443/files", "ok"],
  ])("with one origin names that one as well: %s", async (url, code) => {
    const body = withServers(await yard())
    const gateways = body.gateways.map((each) => (each.id === "worker" ? { ...each, origins: [ORIGIN] } : each))
    await publish({ ...body, gateways })
    const { token } = await openTask("first", { scope: "files.list:read" })
    expect(codeOf(await ask({ url, headers: bearer(token) }))).toBe(code)
  })

  test("names its own retry; no header of its client does", async () => {
    const body = withServers(await yard())
    const gateways = body.gateways.map((each) =>
      each.id === "worker" ? { ...each, request_id_header: "cf-ray" } : each,
    )
    await publish({ ...body, gateways })
    const { token, task } = await openTask("first")
    const forged = { ...bearer(token), "CF-Ray": "mine", "X-Narrowgate-Request-Id": "mine" }
    for (let call = 0; call < 2; call++) expect(codeOf(await ask({ url: FILE, headers: forged }))).toBe("ok")
    expect(await callsOf(task)).toBe(2)
    const named = { url: FILE, headers: forged, requestId: "r1" }
    const [once, again] = [await ask(named), await ask(named)]
    expect(again.headers["x-narrowgate-decision"]).toBe(once.headers["x-narrowgate-decision"])
    expect(await callsOf(task)).toBe(3)
  })

  test("is refused with what is no call at all", async () => {
    const fine = { key: keyOf("worker"), method: "GET", url: FILE, headers: {} }
    const misspelt = { ...fine, method: "PUT", body: null, Body: "{}" }
    for (const call of [{}, { key: 1 }, { ...fine, headers: { a: 1 } }, misspelt, { ...fine, requestID: "1" }]) {
      // A Worker in JavaScript can send anything.
      const answer = await Reflect.apply(exports.Authorizer.authorize, exports.Authorizer, [call])
      expect(codeOf(answer)).toBe("malformed_call")
    }
  })

  test("needs the key of a gateway of this dialect, and that key opens nothing over HTTP", async () => {
    const { token } = await openTask("first")
    // Kong's is answered in a document, of which the status says nothing.
    for (const key of ["", "key-of-nobody", keyOf("envoy"), keyOf("traefik"), keyOf("kong"), keyOf("authzen")]) {
      const answer = await ask({ key, url: FILE, headers: bearer(token) })
      expect([codeOf(answer), answer.allowed]).toEqual(["unknown_gateway", false])
    }
    const headers = { ...bearer(token), "X-Narrowgate-Key": keyOf("worker") }
    const asTraefik = await askAs("traefik", { path: "/files", headers: bearer(token) })
    expect(asTraefik.code).toBe("ok")
    for (const path of ["/authz/forward", "/authz/envoy/files", "/v1/tools/filter"]) {
      const request = new Request(`https://authz.example${path}`, {
        headers: { ...headers, "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/files" },
      })
      const response = await exports.default.fetch(request)
      expect(response.headers.get("X-Narrowgate-Code")).toBe("unknown_gateway")
      await response.body?.cancel()
    }
  })

  test("that only observes lets a refused call through", async () => {
    const answer = await ask({ key: keyOf("worker-watch"), url: FILE, headers: {} })
    expect(answer).toMatchObject({ allowed: true, status: 200 })
  })

  test("passes a proof on, which opens one call", async () => {
    const holder = await newProofKey()
    const { token } = await openTask("first", {}, await proofForToken(holder))
    const headers = { Authorization: `DPoP ${token}`, DPoP: await proofOf(holder, "GET", FILE, token) }
    expect(codeOf(await ask({ url: FILE, headers }))).toBe("ok")
    expect(codeOf(await ask({ url: FILE, headers }))).toBe("invalid_token")
  })

  test("has a list of tools cut down", async () => {
    const { token } = await openTask("first", { scope: "files.*:read" })
    const tools = async (more: Partial<WorkerList> = {}) =>
      exports.Authorizer.tools({
        ...{ key: keyOf("worker"), server: "files", headers: bearer(token) },
        ...{ body: toolList(["list", "read", "write"], { nextCursor: "c" }) },
        ...more,
      })
    const answer = await tools()
    expect([answer.allowed, answer.status]).toEqual([true, 200])
    expect(JSON.parse(answer.body)).toEqual(JSON.parse(toolList(["list", "read"], { nextCursor: "c" })))
    // Headers of the agent's request say nothing about the server's answer.
    const headers = {
      ...bearer(token),
      "Content-Type": "text/plain",
      "Content-Encoding": "gzip",
      "Content-Length": "1",
    }
    expect(codeOf(await tools({ headers }))).toBe("ok")
    expect(codeOf(await tools({ headers: { ...bearer(token), "X-Narrowgate-Server": "mail" } }))).toBe("ok")
    expect(codeOf(await tools({ key: "" }))).toBe("unknown_gateway")
    expect(codeOf(await tools({ server: "nowhere" }))).toBe("unknown_tool")
    expect(codeOf(await tools({ body: null }))).toBe("malformed_call")
    expect(codeOf(await tools({ headers: {} }))).toBe("missing_token")
  })
})
