/** What stands in a call: its target, its arguments, a message of MCP and the headers that repeat it. */
import { describe, expect, test } from "vitest"
import { UNSEEN } from "../../src/core/catalog/arguments.ts"
import { readMcpCall } from "../../src/core/catalog/mcp-message.ts"
import type { McpServer } from "../../src/core/catalog/mcp-server.ts"
import { readTarget } from "../../src/core/catalog/path.ts"
import { buildRouteTable, matchRoute, routeArguments } from "../../src/core/catalog/route.ts"
import type { CallHeaders } from "../../src/core/catalog/call-request.ts"
import { parseJson } from "../../src/core/catalog/json-body.ts"
import { networkOf } from "../../src/core/decision/client.ts"
import { FUZZ_TIMEOUT, fuzz } from "./fuzz.ts"
import { hasControl } from "./json-tree.ts"
import { PATH_READERS, sameToSome } from "./readers.ts"

const ORIGIN = "https://api.test"

/** Of an accepted body, whether all of its numbers are those of a double: else its arguments are unseen. */
const isExact = (text: string): boolean => text === "" || !("denied" in parseJson(text))

describe("a request target", () => {
  test(
    "that is accepted is the same to a URL parser, and decoding it once more changes nothing",
    async () => {
      await fuzz({
        parser: "target",
        seeds: ["/files/a", "/files/a%20b/c?x=1&y=%2f&z", "/till/~x?to=a+b&amount=5", "/a/b/"],
        words: ["/..", "%2E", "%u002e", "..;", "/%c3%a9", "http://evil.test", "&to=", "[to]="],
        runs: 5_000,
        check(text) {
          const target = readTarget(text)
          if ("denied" in target) return false
          const url = new URL(ORIGIN + text)
          expect([url.origin, url.hash, url.username]).toEqual([ORIGIN, "", ""])
          // The URL parser encodes what it finds bare and should be encoded; it means the same.
          expect(decodeURIComponent(url.pathname)).toBe(decodeURIComponent(target.path))
          expect(target.segments).toEqual(url.pathname.slice(1).split("/").map(decodeURIComponent))
          for (const [reader, read] of Object.entries(PATH_READERS)) {
            const isWhole = reader !== "decoded, without parameters and empty segments"
            const segments = isWhole ? target.segments : target.segments.filter((segment) => segment !== "")
            expect(read(text), reader).toEqual(segments)
          }
          for (const segment of target.segments) {
            expect(segment).not.toMatch(/^\.{1,2}$|[/\\%]/)
            expect(hasControl(segment)).toBe(false)
            expect(decodeURIComponent(segment)).toBe(segment)
          }
          expect(target.query.map(([name, value]) => [name, value ?? ""])).toEqual([...new URLSearchParams(url.search)])
          expect(text.length).toBeLessThanOrEqual(8_192)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

const ROUTES = buildRouteTable([
  { tool: "till.pay", origin: ORIGIN, methods: ["POST"], path: "/till/{to}", integers: ["amount"] },
  { tool: "till.list", origin: ORIGIN, methods: ["POST"], path: "/till/list", integers: [] },
])

describe("the arguments of a route", () => {
  const BODY = '{"text":"hello","lines":[{"item":"a","count":2}],"cc":null}'
  const QUERY = "/till/alice?amount=500&note=a%20b"

  test(
    "in path and query are what a form parser reads, each name once to any reader",
    async () => {
      await fuzz({
        parser: "query",
        seeds: [QUERY, "/till/list?amount=1", "/till/bob"],
        words: [
          "to=",
          "&to=eve",
          "&[to]=eve",
          "&to[]=eve",
          "&to.=eve",
          "&%74o=eve",
          "&+to=eve",
          "&amount=",
          "&Amount=9",
        ],
        runs: 4_000,
        check(text) {
          const target = readTarget(text)
          const match = "denied" in target ? null : matchRoute(ROUTES, ORIGIN, "POST", target)
          if (!match || "denied" in target) return false
          const read = routeArguments(match, target, { kind: "whole", text: "" }, { contentType: null })
          if ("denied" in read) return false
          const url = new URL(ORIGIN + text)
          const [, first, name = "", ...more] = url.pathname.split("/").map(decodeURIComponent)
          expect([first, more]).toEqual(["till", []])
          const own = name === "list" ? [] : [["to", name] as const]
          expect(match.definition.tool).toBe(name === "list" ? "till.list" : "till.pay")
          const pairs = [...own, ...url.searchParams]
          for (const [name, value] of pairs) {
            const judged = read.values[name]
            // Digit by digit, but that zero has no sign.
            if (typeof judged === "number") expect(String(judged)).toBe(value === "-0" ? "0" : value)
            else expect(judged).toBe(value)
          }
          expect(Object.keys(read.values)).toHaveLength(pairs.length)
          const names = pairs.map(([key]) => sameToSome(key))
          expect(new Set(names).size).toBe(names.length)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )

  test(
    "in a body are the members of the JSON, and none of them stands in the URL too",
    async () => {
      await fuzz({
        parser: "body",
        seeds: [BODY, "{}", '{"amount":1}'],
        words: ["to", "amount", "text", "note"],
        json: true,
        runs: 3_000,
        check(text) {
          const target = readTarget(QUERY)
          const match = "denied" in target ? null : matchRoute(ROUTES, ORIGIN, "POST", target)
          if (!match || "denied" in target) throw new Error("the target is a good one")
          const read = routeArguments(match, target, { kind: "whole", text }, { contentType: "application/json" })
          if ("denied" in read) return false
          const body: unknown = text === "" ? {} : JSON.parse(text)
          const isMembers = typeof body === "object" && body !== null && !Array.isArray(body) && isExact(text)
          expect(read.complete).toBe(isMembers)
          const members = isMembers ? Object.entries(body) : []
          expect(read.values).toEqual({ to: "alice", amount: 500, note: "a b", ...Object.fromEntries(members) })
          const names = [...members.map(([name]) => name), "to", "amount", "note"].map(sameToSome)
          expect(new Set(names).size).toBe(names.length)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

const DESK: McpServer = { name: "desk", origin: ORIGIN, path: "/desk/mcp", enforces_headers: true }
const NO_HEADERS: CallHeaders = {
  contentType: "application/json",
  mcpProtocolVersion: null,
  mcpMethod: null,
  mcpName: null,
  lastEventId: null,
}

describe("a message to a server of MCP", () => {
  const CALL =
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"to":"a","n":[1]},"_meta":{}}}'

  test(
    "that is accepted calls the tool that every reader of it would call, with the same arguments",
    async () => {
      await fuzz({
        parser: "mcp-message",
        seeds: [CALL, '{"jsonrpc":"2.0","id":"x","method":"tools/list"}', '{"jsonrpc":"2.0","id":2,"result":{}}'],
        words: ["method", "params", "name", "arguments", "tools/call", "pay", "narrowgate", "mcp.tools-list"],
        json: true,
        runs: 4_000,
        check(text) {
          const read = readMcpCall(DESK, "POST", NO_HEADERS, { kind: "whole", text })
          if ("denied" in read) return false
          const { jsonrpc, method, params, ...rest } = JSON.parse(text)
          expect([jsonrpc, read.byHeaders]).toEqual(["2.0", false])
          if (method === "tools/call") {
            expect(read.tool).toBe(`desk.${params.name}`)
            const isSeen = isExact(text) || params.arguments === undefined
            const unseen = { complete: false, values: {}, unseen: UNSEEN.inexact }
            const seen = isSeen ? { complete: true, values: params.arguments ?? {} } : unseen
            expect(read.arguments).toEqual(seen)
            expect(read.tool).toMatch(/^desk(?:\.[\w-]+)+$/)
            expect(read.tool.startsWith("desk.mcp.")).toBe(false)
            expect(
              Object.keys(params)
                .filter((name) => name !== "name")
                .map(sameToSome),
            ).not.toContain("name")
          } else {
            // Anything else is one of the tools that a catalog knows without listing them.
            expect(read.tool).toMatch(/^desk\.mcp\.[a-z-]+$/)
            expect(read.arguments.values).toEqual({})
          }
          expect(Object.keys(rest).map(sameToSome)).not.toContain("method")
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )

  test(
    "whose headers say something else is refused, and so are headers alone unless they read in one way",
    async () => {
      await fuzz({
        parser: "mcp-headers",
        seeds: [
          "2026-07-28\ntools/call\npay",
          "2026-07-28\ntools/call\n=?base64?cGF5?=",
          "2025-11-25\ntools/call\npay",
        ],
        words: ["pay", "tools/call", "=?base64?", "?=", "cGF5", ", ", "2026-07-28"],
        runs: 3_000,
        check(text) {
          const [mcpProtocolVersion = null, mcpMethod = null, mcpName = null] = text.split("\n")
          const headers = { contentType: "application/json", mcpProtocolVersion, mcpMethod, mcpName, lastEventId: null }
          const both = readMcpCall(DESK, "POST", headers, { kind: "whole", text: CALL })
          if (!("denied" in both)) {
            expect(both.tool).toBe("desk.pay")
            if (mcpMethod !== null) expect(mcpMethod).toBe("tools/call")
            if (mcpName !== null) expect(namesPay(mcpName)).toBe(true)
          }
          const alone = readMcpCall(DESK, "POST", headers, { kind: "withheld" })
          if ("denied" in alone) return false
          expect(mcpProtocolVersion).toBe("2026-07-28")
          if (mcpMethod !== "tools/call") expect(alone.tool).toMatch(/^desk\.mcp\.[a-z-]+$/)
          else if (alone.tool === "desk.pay") expect(namesPay(mcpName ?? "")).toBe(true)
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})

/** By the decoder of HTML's base64 (`atob`), which is another one than the Worker's. */
function namesPay(header: string): boolean {
  const encoded = /^=\?base64\?(.*)\?=$/s.exec(header)?.[1]
  return (encoded === undefined ? header : atob(encoded)) === "pay"
}

describe("an address that a gateway asserts", () => {
  test(
    "names a network, or nothing: the address stands in it to any reader",
    async () => {
      await fuzz({
        parser: "address",
        seeds: ["203.0.113.7", "2001:db8:1:2::7", "::ffff:203.0.113.7", "::1"],
        words: ["::", ":", "010", "0x7f", "255", ".0", "%eth0", ", 10.0.0.1", "[", "]"],
        runs: 2_000,
        check(text) {
          const network = networkOf(text)
          if (network === "") return false
          const host = text.includes(":") ? new URL(`http://[${text}]`).hostname : new URL(`http://${text}`).hostname
          if (network.endsWith("/24") && !text.includes(":")) {
            expect(host).toBe(text)
            expect(text.startsWith(network.slice(0, -"0/24".length))).toBe(true)
          }
          if (network.endsWith("/48")) {
            expect(network).toMatch(/^(?:[0-9a-f]{1,4}:){3}:\/48$/)
            // The same network, however its members are written.
            expect(networkOf(host.slice(1, -1))).toBe(network)
            expect(networkOf(network.slice(0, -"/48".length))).toBe(network)
          }
          return true
        },
      })
    },
    FUZZ_TIMEOUT,
  )
})
