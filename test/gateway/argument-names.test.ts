import { beforeEach, describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, type ClientRequest } from "../harness/gateways.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"

/** Each is the argument `name` to some upstream, and another one to the rest. */
const SPELLINGS = [
  "[name]",
  "%5Bname%5D",
  "%20name",
  "name%20",
  "+name",
  "name[]",
  "name.x",
  "!name",
  "Name",
  "name%5B",
  "x.name",
  "request.Name",
  "x.y..name",
  "x.name[]",
]

/** Where `query` holds a plain argument that is allowed, and may hold more. */
interface Reader {
  readonly argument: string
  readonly allowed: string
  readonly path: string
  readonly request: Partial<ClientRequest>
  readonly task: Parameters<typeof openTask>[1]
}
const within = (bounds: object): string =>
  JSON.stringify([{ type: "narrowgate_call", tools: ["files.*"], actions: ["read"], arguments: bounds }])
const READERS: Readonly<Record<string, Reader>> = {
  "a rule": {
    argument: "to",
    allowed: "a@example.org",
    path: "/mail",
    request: { method: "POST" },
    task: { scope: "mail.*:write" },
  },
  "a bound": {
    argument: "mode",
    allowed: "plain",
    path: "/files/a",
    request: {},
    task: { authorization_details: within({ mode: { eq: "plain" } }) },
  },
  "a guardrail": { argument: "key", allowed: "k", path: "/files", request: {}, task: { scope: "files.*:read" } },
  "a redaction": {
    argument: "secret",
    allowed: "s",
    path: "/files/a",
    request: { method: "PUT" },
    task: { scope: "files.*:write" },
  },
}

function counting(body: BundleBody): BundleBody {
  const of = { tools: ["files.list"] }
  return {
    ...body,
    guardrails: [
      ...body.guardrails,
      {
        id: "keys",
        kind: "limit",
        topic: "window",
        of,
        per: ["arguments.key"],
        measure: { kind: "calls" },
        span: { kind: "sliding", seconds: 60 },
        limit: 10,
        consequence: "deny",
      },
    ],
  }
}

beforeEach(async () => {
  await publish(counting(await yard()))
})
freshIsolateForEach()

describe.each(Object.entries(READERS))("%s reads an argument", (_what, { argument, allowed, path, request, task }) => {
  test("and no spelling passes that some upstream takes for it", async () => {
    const { token } = await openTask("first", task)
    const codeOf = async (query: string): Promise<string> => (await callWith(token, `${path}?${query}`, request)).code
    const plain = `${argument}=${allowed}`
    expect(await codeOf(plain)).toBe("ok")
    for (const spelling of SPELLINGS) {
      const other = `${spelling.replace("name", argument).replace("Name", argument.toUpperCase())}=evil`
      for (const query of [`${plain}&${other}`, `${other}&${plain}`]) {
        expect([query, await codeOf(query)]).toEqual([query, "malformed_call"])
      }
    }
  })
})

test("a tool of which nothing reads arguments has any names", async () => {
  const { token } = await openTask("first", { scope: "files.*:read" })
  for (const query of ["filter[a]=1&filter[b]=2", "[to]=1", "%20x=1&$top=5", "flag"]) {
    expect([query, (await callWith(token, `/vault/a?${query}`, {})).code]).toEqual([query, "insufficient_scope"])
    expect([query, (await callWith(token, `/files/a?${query}`, {})).code]).toEqual([query, "ok"])
  }
})

test("an argument that asks for another method is refused, as a header is", async () => {
  const { token } = await openTask("first", { scope: "files.*:write" })
  const json = { headers: { "Content-Type": "application/json" }, body: '{"_method":"DELETE"}' }
  const codeOf = async (path: string, more: Partial<ClientRequest>): Promise<string> =>
    (await callWith(token, path, { method: "POST", ...more })).code
  expect(await codeOf("/files/a?payment_method=card", {})).toBe("ok")
  expect(await codeOf("/files/a?_method=DELETE", {})).toBe("malformed_call")
  expect(await codeOf("/files/a", json)).toBe("malformed_call")
  expect(await codeOf("/files/a?_HttpMethod=DELETE", {})).toBe("malformed_call")
  expect(await codeOf("/files/a?X-HTTP-Method-Override=DELETE", {})).toBe("malformed_call")
})

/** `WP_REST_Server` routes any request as the method that its query or its header names. */
describe.each(["GET", "HEAD", "PUT"])("a %s that asks for another method is refused, as a POST is", (method) => {
  const codeOf = async (path: string, headers = {}): Promise<string> => {
    const { token } = await openTask("first", { scope: "files.*:read files.*:write" })
    return (await callWith(token, path, { method, headers }, "traefik")).code
  }

  test.each(["_method", ".method", "%5fmethod", "_HttpMethod", "_METHOD[]", "X-HTTP-Method-Override"])(
    "by %s in its query",
    async (name) => {
      expect(await codeOf(`/files/a?${name}=PATCH`)).toBe("malformed_call")
      expect(await codeOf(`/files/a?a=1&${name}`)).toBe("malformed_call")
    },
  )

  test("unless it is its own", async () => {
    for (const name of ["_method", "_HttpMethod", "X-HTTP-Method-Override"]) {
      expect(await codeOf(`/files/a?${name}=${method.toLowerCase()}`)).toBe("ok")
    }
  })

  test.each(["X-HTTP-Method-Override", "X_HTTP_METHOD_OVERRIDE", "X-Http_Method", "Method_Override"])(
    "by a header %s",
    async (name) => {
      expect(await codeOf("/files/a", { [name]: "PATCH" })).toBe("malformed_call")
      expect(await codeOf("/files/a", { [name]: `${method}, PATCH` })).toBe("malformed_call")
      expect(await codeOf("/files/a", { [name]: method.toLowerCase() })).toBe("ok")
    },
  )

  test("and names that look alike are arguments", async () => {
    expect(await codeOf("/files/a?payment_method=card&method=card&http_method=PATCH")).toBe("ok")
  })
})

test.each(["GET", "DELETE"])("a message of MCP that comes with a %s is refused", async (method) => {
  const { token } = await openTask("first", { scope: "desk.*:read" })
  const headers = { "Content-Type": "application/json" }
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay"}}'
  expect((await callWith(token, "/desk/mcp", { method })).code).toBe("ok")
  expect((await callWith(token, "/desk/mcp", { method, body, headers }, "traefik")).code).toBe("malformed_call")
})

test("a message of MCP that asks for another method is refused", async () => {
  const { token } = await openTask("first", { scope: "desk.*:read" })
  const codeOf = async (more: object): Promise<string> => {
    const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "search", arguments: {} }, ...more }
    const headers = { "Content-Type": "application/json" }
    return (await callWith(token, "/desk/mcp", { method: "POST", body: JSON.stringify(message), headers })).code
  }
  expect(await codeOf({})).toBe("ok")
  expect(await codeOf({ _method: "DELETE" })).toBe("malformed_call")
})

const form = "application/x-www-form-urlencoded"
const multipart = 'multipart/form-data; boundary="b"'
const partOf = (headers: string): string => `--b\r\n${headers}\r\n\r\nDELETE\r\n--b--`
const part = (name: string): string => partOf(`Content-Disposition: form-data; ${name}`)
const json = '{"a":"}","_method":"DELETE"}'
test.each<readonly [code: string, type: string, body: string]>([
  ["malformed_call", form, "_method=DELETE"],
  ["malformed_call", form, "a=1&%5Fm%65thod=DELETE"],
  ["malformed_call", form, "a=1&_METHOD[]=DELETE"],
  ["malformed_call", form, `${"a=1&".repeat(1_000)}_method=DELETE`],
  ["malformed_call", form, "a=1&".repeat(2_000)],
  ["ok", form, "a=1&".repeat(1_999)],
  ["malformed_call", form, "a=1;_method=DELETE"],
  ["malformed_call", form, `${"+".repeat(100)}_method=DELETE`],
  ["malformed_call", form, "%20%20.method=DELETE"],
  ["malformed_call", form, "%5Fmethod%00%ff=DELETE"],
  ["malformed_call", form, `_method${"%00".repeat(100)}=DELETE`],
  ["malformed_call", form, "%u005fmethod=DELETE"],
  ["malformed_call", form, "X-HTTP-Method-Override=DELETE"],
  ["malformed_call", form, "_method=POST&.method=DELETE"],
  ["malformed_call", form, json],
  ["ok", form, "a=1&_method=p%6Fst"],
  ["ok", form, "payment_method=card&method=card"],
  ["ok", `${form}; charset=ISO-8859-1`, "a=%e9"],
  ["malformed_call", `${form};charset="utf-16"`, "a=1"],
  ["malformed_call", `${form}; charset=utf-8; Charset = utf-7`, "+AF8-method=DELETE"],
  ["malformed_call", `${multipart}; charset=utf-16le`, part('name="text"')],
  ["malformed_call", multipart, part('name="_method"')],
  ["malformed_call", multipart, part("name=_Method")],
  ["malformed_call", multipart, part("name*=utf-8''%5Fmethod")],
  ["malformed_call", multipart, part('name="\\_met\\hod"')],
  ["malformed_call", multipart, part(`${'name="x"; '.repeat(1_000)}name="_method"`)],
  ["malformed_call", multipart, part('name="x"; '.repeat(2_001))],
  ["ok", multipart, part('name="x"; '.repeat(2_000))],
  ["malformed_call", multipart, partOf("Content-ID: x\r\n".repeat(2_001))],
  ["ok", multipart, partOf("Content-ID: x\r\n".repeat(2_000))],
  ["malformed_call", multipart, part(`name="${"x".repeat(511)}"`)],
  ["ok", multipart, part(`name="${"x".repeat(510)}"`)],
  ["malformed_call", multipart, part('name=".method"')],
  ["malformed_call", multipart, part("name=.method")],
  ["malformed_call", multipart, part('name="  .method"')],
  ["malformed_call", multipart, part(`name="${" ".repeat(2_000)}_method"`)],
  ["malformed_call", multipart, part('name="\\.method"')],
  ["malformed_call", multipart, part('name="_method\\"x"')],
  ["malformed_call", multipart, part("name='_method'")],
  ["malformed_call", multipart, part('name="_method\0"')],
  ["malformed_call", multipart, part('name="_method[]"')],
  ["malformed_call", multipart, part('x="; name="; name="_method"')],
  ["malformed_call", multipart, part('name=\r\n "_method"')],
  ["malformed_call", multipart, part("name=\r\n\t_method")],
  ["malformed_call", multipart, part('\r\n name = "_method"')],
  ["malformed_call", multipart, part('name*0="_me"; name*1="thod"')],
  ["malformed_call", multipart, part("name*0*=UTF-8''%5Fme; name*1=thod")],
  ["malformed_call", multipart, part('name="=?utf-8?Q?=5Fmethod?="')],
  ["malformed_call", multipart, part('NAME="_method"').replace("Content-D", "content-d")],
  ["malformed_call", multipart, partOf("Content-ID: _method")],
  ["malformed_call", "multipart/mixed; boundary=b", part('name="_method"')],
  ["malformed_call", `text/plain, ${multipart}`, part('name="_method"')],
  ["malformed_call", `${form}, text/plain`, "_method=DELETE"],
  ["malformed_call", `text/plain, ${form}`, "_method=DELETE"],
  ["malformed_call", `${form} x`, "_method=DELETE"],
  ["malformed_call", "", "_method=DELETE"],
  ["malformed_call", "text/json", json],
  ["malformed_call", "application/json;", json],
  ["malformed_call", "application/json; x=y", json],
  ["malformed_call", "application/json;charset=UTF8", json],
  ["malformed_call", "application/json; charset=utf-16", "{}"],
  ["malformed_call", "application/jsonrequest", json],
  ["malformed_call", "x/x+json; q=1", '{"\\u005fmethod":"DELETE"}'],
  ["malformed_call", "text/json", '{"_method":"POST","_method":["DELETE"]}'],
  ["malformed_call", "text/plain", ` ${json}`],
  ["malformed_call", "", json],
  ["ok", "text/json", '{"_method":"POST","payment_method":"card","x":{"_method":"DELETE"},"y":"_method"}'],
  ["ok", "application/x-ndjson", '{"a":"{{"}\n{"method":"DELETE"}\n'],
  ["ok", "text/plain", "the _method is DELETE"],
  ["ok", multipart, part('name="text"')],
  ["ok", multipart, part('name="payment_method"')],
  ["ok", multipart, part('name="text"; filename="my name.txt"; filename*=utf-8\'\'_method')],
  ["ok", multipart, part('name="text"').replace("DELETE", "the request_method is DELETE, name=_method")],
  ["ok", "", "a=1"],
])("a form that asks for another method is refused (%#: %s, %s)", async (code, type, body) => {
  const { token } = await openTask("first", { scope: "files.*:write" })
  const request = { method: "POST", body, headers: { "Content-Type": type } }
  expect((await callWith(token, "/files/a", request)).code).toBe(code)
})

test.each(["X-HTTP-Method-Override", "X_HTTP_Method_Override", "X-Http_Method-Override", "Method-Override"])(
  "a header that asks for another method is refused: %s",
  async (name) => {
    const { token } = await openTask("first", { scope: "files.*:write" })
    const request = { method: "POST", headers: { [name]: "DELETE" } }
    expect((await callWith(token, "/files/a", request, "traefik")).code).toBe("malformed_call")
  },
)

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(text, (letter) => letter.charCodeAt(0))
const PNG = "\x89PNG\r\n\x1a\n\0\xff\xfe"
const upload = (more: string): string =>
  `--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n${PNG}\r\n${more}--b--`

describe("a body that is no text leaves the arguments unseen", () => {
  const codeOf = async (path: string, type: string, body: string, scope = "files.*:write mail.*:write") => {
    const { token } = await openTask("first", { scope })
    const request = { method: "POST", body: bytesOf(body), headers: { "Content-Type": type } }
    return (await callWith(token, path, request, "traefik")).code
  }

  test.each([
    ["image/png", PNG],
    ["application/octet-stream", PNG],
    [multipart, upload("")],
    [form, "a=\xff"],
  ])("and reaches a tool of which nothing reads them: %s", async (type, body) => {
    expect(await codeOf("/files/a", type, body)).toBe("ok")
  })

  test("nor are those of JSON that is declared as a form too", async () => {
    const body = JSON.stringify({ to: "a@example.org", x: "&to=eve@evil.test&" })
    for (const type of [
      `${form}+json`,
      `${form.toUpperCase()}+JSON; charset=utf-8`,
      `application/x-${form.slice(12)}+json`,
    ]) {
      expect(await codeOf("/mail", type, body)).toBe("malformed_call")
    }
    expect(await codeOf("/mail", "application/vnd.api+json", body)).toBe("ok")
  })

  test.each([
    ["a rule reads its arguments", "/mail", "image/png", PNG],
    ["one of its parts asks for another method", "/files/a", multipart, upload(`${part('name="_method"')}\r\n`)],
    ["its form asks for another method", "/files/a", form, "a=\xff&_method=DELETE"],
    ["it is declared as JSON", "/files/a", "application/json", '{"a":"\xff"}'],
    ["it goes to an MCP server", "/desk/mcp", "application/json", '{"a":"\xff"}'],
  ])("and is denied if %s", async (_why, path, type, body) => {
    expect(await codeOf(path, type, body)).toBe("malformed_call")
  })
})
