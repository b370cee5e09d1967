import { exports } from "cloudflare:workers"
import { describe, expect, test } from "vitest"
import { openTask } from "../../harness/agents.ts"
import { yardForEach } from "../../harness/each-test.ts"
import { callWith, keyOf } from "../../harness/gateways.ts"
import { US } from "../../harness/issuers.ts"

yardForEach()

const post = async (body: BodyInit): Promise<Response> =>
  exports.default.fetch(new Request(`${US}/authz/forward/${keyOf("kong")}`, { method: "POST", body }))

const asked = (http: object): string =>
  JSON.stringify({ input: { request: { http: { host: "api.test", method: "GET", headers: {}, body: "", ...http } } } })

describe("Kong's OPA plugin", () => {
  test("is answered 200 and a document, whatever the verdict", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    const authorization = `Bearer ${token}`
    const allowed = await post(asked({ path: "/files/a", headers: { authorization } }))
    expect([allowed.status, allowed.headers.get("Cache-Control")]).toEqual([200, "no-store"])
    expect(await allowed.json()).toMatchObject({
      result: { allow: true, headers: { "x-narrowgate-tool": "files.read", "txn-token": "" } },
    })
    const denied = await post(asked({ method: "DELETE", path: "/files/a", headers: { authorization } }))
    expect(denied.status).toBe(200)
    expect(await denied.json()).toMatchObject({
      result: {
        allow: false,
        status: 403,
        headers: { "x-narrowgate-code": "insufficient_scope", "content-type": "application/json" },
        message: { error: "insufficient_scope" },
      },
    })
  })

  const NO_QUESTIONS: Readonly<Record<string, string>> = {
    nothing: "",
    "no JSON": "{",
    "a list": "[]",
    "a client's own body": '{"jsonrpc":"2.0","method":"ping","id":1}',
    "no path": asked({}),
    "a path that is no text": asked({ path: 1 }),
    "a header that no request can have": asked({ path: "/files/a", headers: { "a b": "x" } }),
    "as many headers as Kong tells at most": asked({
      path: "/files/a",
      headers: { authorization: "Bearer x", x: Array.from({ length: 99 }, String) },
    }),
    "as many arguments": asked({ path: "/files/a", querystring: { x: Array.from({ length: 100 }, String) } }),
    "a blank at the path's end, which a header would lose": asked({ path: "/files/a " }),
    "a line's end there": asked({ path: "/files/a\n" }),
    "a query in its path": asked({ path: "/files/a?x=" }),
    "what parts arguments, for some": asked({ path: "/files/a", querystring: { x: "1;version=2" } }),
    "what ends a query, for some": asked({ path: "/files/a", querystring: { x: ["1#"] } }),
    "a percent sign that encodes nothing": asked({ path: "/files/a", querystring: { "x%": true } }),
    "a key that is there twice":
      '{"input":{"request":{"http":{"host":"a","method":"GET","path":"/files/a","path":"/b","headers":{}}}}}',
  }
  test.each(Object.keys(NO_QUESTIONS))("%s is refused", async (what) => {
    const response = await post(NO_QUESTIONS[what] ?? "")
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ result: { allow: false, status: 400 } })
  })

  const BODIES: Readonly<Record<string, object>> = {
    "is not told at all": { body: undefined },
    "is told as empty, and has a length": { body: "", headers: { "Content-Length": "9000" } },
    "is told in part": { body: "{}", headers: { "content-length": "500", "content-type": "application/json" } },
    "is told, of a length that is none": { body: "{}", headers: { "content-length": "2, 2" } },
    "is told as empty, and comes in pieces": { body: "", headers: { "transfer-encoding": ["chunked"] } },
  }
  test.each(Object.keys(BODIES))("a call whose body %s is refused: Kong sends it on all the same", async (what) => {
    const { token } = await openTask("first", { purpose: "work" })
    const { headers, ...more }: { headers?: object } = BODIES[what] ?? {}
    const authorization = `Bearer ${token}`
    const ask = async (method: string, path: string): Promise<unknown> =>
      (await post(asked({ method, path, headers: { authorization, ...headers }, ...more }))).json()
    expect(await ask("PUT", "/files/a")).toMatchObject({ result: { allow: false, status: 400 } })
    // None of its own, as a rule.
    expect(await ask("GET", "/files/a")).toMatchObject({ result: { allow: headers === undefined } })
  })

  const FORWARDED = { "X-Forwarded-Method": "POST", "X-Forwarded-Uri": "/files/a" }
  interface Stranger {
    readonly path: string
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }
  const STRANGERS: Readonly<Record<string, Stranger>> = {
    nginx: { path: "forward", headers: { "X-Original-Method": "GET", "X-Original-URI": "/files/a" } },
    HAProxy: { path: "forward", method: "HEAD", headers: FORWARDED },
    "APISIX, with its client's own document": {
      path: "forward",
      method: "POST",
      headers: FORWARDED,
      body: asked({ path: "/files/a" }),
    },
    Envoy: { path: "envoy/files/a", method: "POST", body: asked({ path: "/files/a" }) },
  }
  test.each(Object.keys(STRANGERS))(
    "%s with its key is not told 200, which it would take for an allow",
    async (who) => {
      const { path, headers, ...init } = STRANGERS[who] ?? { path: "" }
      const own = { ...headers, "X-Narrowgate-Key": keyOf("kong") }
      const response = await exports.default.fetch(new Request(`${US}/authz/${path}`, { ...init, headers: own }))
      expect([response.status, response.headers.get("X-Narrowgate-Code")]).toEqual([403, "unknown_gateway"])
    },
  )

  test("a token that came twice is two values, of which neither counts", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    const authorization = [`Bearer ${token}`, `Bearer ${token}`]
    const response = await post(asked({ path: "/files/a", headers: { authorization } }))
    expect(await response.json()).toMatchObject({ result: { allow: false, status: 401 } })
  })

  // `kong.request.get_path` (kong/tools/uri.lua): escapes are resolved once, and never those of reserved characters, of
  // which `%` is one. Kong sends the same path on, with what is no part of a path escaped anew.
  const RESERVED = new Set("!*'();:@&=+$,/?%#[]")
  const toldPath = (raw: string): string =>
    raw.replaceAll(/%([0-9A-Fa-f]{2})/g, (escape, hex: string) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16))
      return RESERVED.has(character) ? escape.toUpperCase() : character
    })
  const sentOn = (path: string): string =>
    path.replaceAll(/[^!#$&'()*+,/:;=?@[\]A-Za-z\d\-_.~%]/g, (character) => {
      return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`
    })

  test.each([
    "A",
    "%41",
    "%2541",
    "%252541",
    "%2%341",
    "%2e",
    "%252e",
    "a%2fb",
    "a%252fb",
    "%3b",
    "%40",
    "%22",
    "%5c",
    "%7c",
  ])(
    "the file of /files/%s is judged as its upstream reads it, or refused: no escape is resolved twice",
    async (raw) => {
      const path = toldPath(`/files/${raw}`)
      const [, , ...rest] = sentOn(path).split("/")
      const reads = rest.map((segment) => decodeURIComponent(segment)).join("/")
      const within = {
        type: "narrowgate_call",
        tools: ["files.*"],
        actions: ["read"],
        arguments: { file: { eq: reads } },
      }
      const { token } = await openTask("first", { authorization_details: JSON.stringify([within]) })
      const response = await post(asked({ path, headers: { authorization: `Bearer ${token}` } }))
      const { result }: { result: { allow: boolean; status?: number } } = await response.json()
      // Judged as anything else, it would be out of bounds: 403.
      expect(result.allow ? 200 : result.status).toSatisfy((status) => status === 200 || status === 400)
      if (["A", "%41", "%40", "%22", "%7c"].includes(raw)) expect(result.allow).toBe(true)
      if (raw.includes("%25")) expect(result.status).toBe(400)
    },
  )

  test("the query is judged as it was told: once each, or refused", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    const codeOf = async (path: string): Promise<string> => (await callWith(token, path, {}, "kong")).code
    expect(await codeOf("/files/a?version=2&of=%26x%3D1")).toBe("ok")
    expect(await codeOf("/files/a?version=2&version=3")).toBe("malformed_call")
  })

  test("a body that Kong passes on is read as the client's", async () => {
    const { token } = await openTask("first", { scope: "desk.*:read" })
    const call = (name: string) => JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name } })
    const send = async (body: string) =>
      callWith(token, "/desk/mcp", { method: "POST", body, headers: { "Content-Type": "application/json" } }, "kong")
    expect([(await send(call("search"))).code, (await send(call("pay"))).code]).toEqual(["ok", "insufficient_scope"])
  })
})
