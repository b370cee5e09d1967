import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith, type ClientRequest } from "../harness/gateways.ts"
import { freshIsolate } from "../harness/isolate.ts"
import type { BundleBody } from "../../src/policy/bundle.ts"

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
afterEach(freshIsolate)

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
})

const form = "application/x-www-form-urlencoded"
const multipart = 'multipart/form-data; boundary="b"'
const part = (name: string): string => `--b\r\nContent-Disposition: form-data; ${name}\r\n\r\nDELETE\r\n--b--`
test.each<readonly [code: string, type: string, body: string]>([
  ["malformed_call", form, "_method=DELETE"],
  ["malformed_call", form, "a=1&%5Fm%65thod=DELETE"],
  ["malformed_call", form, "a=1&_METHOD[]=DELETE"],
  ["malformed_call", form, `${"a=1&".repeat(1_000)}_method=DELETE`],
  ["ok", form, "payment_method=card&method=card"],
  ["malformed_call", multipart, part('name="_method"')],
  ["malformed_call", multipart, part("name=_Method")],
  ["malformed_call", multipart, part("name*=utf-8''%5Fmethod")],
  ["malformed_call", multipart, part('name="\\_met\\hod"')],
  ["malformed_call", multipart, part(`${'name="x"; '.repeat(1_000)}name="_method"`)],
  ["malformed_call", "multipart/mixed; boundary=b", part('name="_method"')],
  ["malformed_call", `${form}, text/plain`, "_method=DELETE"],
  ["malformed_call", `${form} x`, "_method=DELETE"],
  ["malformed_call", "", "_method=DELETE"],
  ["ok", multipart, part('name="text"')],
  ["ok", multipart, part('name="text"').replace("DELETE", "the request_method is DELETE")],
  ["ok", "", "a=1"],
])("a form that asks for another method is refused (%s: %s %s)", async (code, type, body) => {
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
