import { exports } from "cloudflare:workers"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith, keyOf } from "../harness/gateways.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"

beforeEach(async () => {
  await publish(await yard())
})
afterEach(freshIsolate)

const post = async (body: BodyInit): Promise<Response> =>
  exports.default.fetch(new Request(`${US}/authz/forward/${keyOf("kong")}`, { method: "POST", body }))

const asked = (http: object): string =>
  JSON.stringify({ input: { request: { http: { host: "api.test", method: "GET", headers: {}, ...http } } } })

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
    "a key that is there twice":
      '{"input":{"request":{"http":{"host":"a","method":"GET","path":"/files/a","path":"/b","headers":{}}}}}',
  }
  test.each(Object.keys(NO_QUESTIONS))("%s is refused", async (what) => {
    const response = await post(NO_QUESTIONS[what] ?? "")
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ result: { allow: false, status: 400 } })
  })

  test("a token that came twice is two values, of which neither counts", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    const authorization = [`Bearer ${token}`, `Bearer ${token}`]
    const response = await post(asked({ path: "/files/a", headers: { authorization } }))
    expect(await response.json()).toMatchObject({ result: { allow: false, status: 401 } })
  })

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
