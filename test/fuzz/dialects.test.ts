/**
 * A client's whole request, changed, through each make of gateway: what is allowed is one call to every server that could
 * stand behind it, and that call is the one that was judged.
 */
import { describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, HTTP_DIALECTS, type ClientRequest, type GatewayAnswer } from "../harness/gateways.ts"
import { FUZZ_TIMEOUT, fuzz } from "./fuzz.ts"
import { PATH_READERS, textsUnder, toolOf } from "./readers.ts"

yardForEach()

const TOKEN = "$TOKEN"
const JSON_TYPE = "Content-Type: application/json"
const CALL = (name: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":{"q":"x"}}}`

/** Method and target, headers line by line, an empty line, a body. */
const SEEDS = [
  `GET /files/a?version=2\nAuthorization: Bearer ${TOKEN}\n\n`,
  `HEAD /files\nAuthorization: Bearer ${TOKEN}\nX-Request-Id: r\n\n`,
  `POST /mail\nAuthorization: Bearer ${TOKEN}\n${JSON_TYPE}\n\n{"to":"a@example.org","text":"hello"}`,
  `POST /desk/mcp\nAuthorization: Bearer ${TOKEN}\n${JSON_TYPE}\n\n${CALL("search")}`,
  `POST /desk/mcp\nAuthorization: Bearer ${TOKEN}\nMCP-Protocol-Version: 2026-07-28\nMcp-Method: tools/call\nMcp-Name: search\n${JSON_TYPE}\n\n${CALL("search")}`,
]
const WORDS = [
  "/vault/1",
  "/../vault/1",
  "/files/../vault/1",
  "GET ",
  "DELETE ",
  "\nX-HTTP-Method-Override: DELETE",
  "\nX-Forwarded-Uri: /vault/1",
  "\nX-Original-URI: /vault/1",
  "\nX-Original-URL: https://api.test/vault/1",
  "\nX-Forwarded-Host: other.test",
  "\nForwarded: host=other.test;proto=http",
  "\nContent-Encoding: gzip",
  "\nContent-Type: text/plain",
  "\nTransfer-Encoding: chunked",
  "\nMcp-Name: pay",
  "\nMcp-Method: tools/list",
  "\nX-Envoy-Auth-Partial-Body: true",
  "\nX-Narrowgate-Original-Path: /vault/1",
  "\nOrigin: https://app.test\nAccess-Control-Request-Method: GET",
  `Bearer ${TOKEN}`,
  "DPoP ",
  "eve@evil.test",
  '"to":"eve@evil.test",',
  '"name":"pay",',
  "desk/mcp",
]

/** Some servers obey them. */
const METHOD_OVERRIDES = ["x-http-method-override", "x-http-method", "x-method-override"]

/** Null: nobody can send it. */
function requestIn(text: string, token: string): ClientRequest | null {
  const [head = "", ...rest] = text.split("\n\n")
  const [line = "", ...lines] = head.split("\n")
  const [, method, path] = /^([!#-'*+.\w^`|~-]+) (\/[\x21-\x7e]*)$/.exec(line) ?? []
  if (method === undefined || path === undefined || !text.isWellFormed()) return null
  const headers = lines.map((each) => /^([\w-]+): *(.*)$/.exec(each)?.slice(1) ?? [])
  if (headers.some(([name, value]) => name === undefined || !/^[\x20-\x7e]*$/.test(value ?? ""))) return null
  const table = new Headers(headers.map(([name = "", value = ""]) => [name, value.replaceAll(TOKEN, token)]))
  // A client cannot set what frames its own request.
  for (const name of ["content-length", "host"]) table.delete(name)
  const body = rest.join("\n\n")
  return { method, path, headers: Object.fromEntries(namesAsSent(table)), ...(body !== "" && { body }) }
}

/** The harness takes the credential for itself by the names that clients write. */
function namesAsSent(table: Headers): readonly (readonly [string, string])[] {
  const written: Readonly<Record<string, string>> = { authorization: "Authorization", dpop: "DPoP" }
  return [...table].map(([name, value]) => [written[name] ?? name, value])
}

/** Every server behind the gateway, whatever it makes of paths and bodies, would do what was judged. */
function expectOneCall(
  answer: GatewayAnswer,
  { method = "GET", path, headers = {}, body = "" }: ClientRequest,
  token: string,
  shown: string,
): void {
  expect(shown).toMatch(new RegExp(`^bearer +${token.replaceAll(".", "\\.")} *$`, "i"))
  const sent = new Headers(headers)
  for (const name of METHOD_OVERRIDES) expect([null, method]).toContain(sent.get(name)?.toUpperCase() ?? null)
  // A body that is encoded reads as nothing, or as something else, where it is not decoded.
  if (body !== "" && answer.headers.get("X-Narrowgate-Tool") === "mail.send")
    expect(sent.has("content-encoding")).toBe(false)
  const tool = answer.headers.get("X-Narrowgate-Tool") ?? ""
  const text = String(body)
  if (tool.startsWith("desk.")) {
    for (const read of Object.values(PATH_READERS)) expect(read(path)).toEqual(["desk", "mcp"])
    expect(textsUnder(text, "name")).not.toContain("pay")
    expect(tool).not.toBe("desk.pay")
    return
  }
  for (const [reader, read] of Object.entries(PATH_READERS)) expect(toolOf(method, read(path)), reader).toBe(tool)
  if (tool !== "mail.send") return
  const addressees = textsUnder(text, "to")
  expect(addressees.length).toBeGreaterThan(0)
  for (const to of addressees) expect(to).toMatch(/@example\.org$/)
  expect(new URL(`https://api.test${path}`).searchParams.has("to")).toBe(false)
}

describe.each(HTTP_DIALECTS)("%s", (dialect) => {
  test(
    "allows no request that another server could read as another call",
    async () => {
      const { token } = await openTask("first", { scope: "files.*:read mail.send:write desk.search:read" })
      await fuzz({
        parser: "request",
        seeds: SEEDS,
        words: WORDS,
        runs: 60,
        async check(text) {
          const client = requestIn(text, token)
          // Kong has read the target before it asks: what it makes of one that is none is not ours to feign.
          if (!client || (dialect === "kong" && !isPlainQuery(client.path))) return false
          const answer = await askUnlessImpossible(dialect, client)
          if (!answer) return false
          expect(answer.code).not.toBe("unavailable")
          expect(answer.decision).toMatch(/^dec_[0-9A-Z]{26}$/)
          expect([...answer.headers].join("\n").length).toBeLessThan(8_192)
          if (answer.status !== 200) return false
          expectOneCall(answer, client, token, client.headers?.["Authorization"] ?? "")
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

const isPlainQuery = (path: string): boolean => /^[^?#]*(?:\?[\w=&.~-]*)?$/.test(path)

/** Null: the platform's own Request refuses to be so. */
async function askUnlessImpossible(gateway: string, client: ClientRequest): Promise<GatewayAnswer | null> {
  try {
    return await askAs(gateway, client)
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return null
    throw error
  }
}
