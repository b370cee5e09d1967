/**
 * Headers and body of MCP 2026-07-28, as a client would send them to the desk's server through a gateway that passes
 * the whole body on. No catalog has the tools of the vectors: what is refused must be refused for what is wrong with the
 * message, and what is right with it must get as far as the name.
 */
import { expect } from "vitest"
import { z } from "zod"
import { MCP_METHODS } from "../../src/core/catalog/mcp-methods.ts"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, type GatewayAnswer } from "../harness/gateways.ts"
import { conformance } from "./conformance.ts"

const negative = z.strictObject({
  id: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.unknown().optional(),
  raw: z.string().optional(),
  status: z.int().optional(),
  code: z.int().optional(),
  decision: z.string().optional(),
  why: z.string().optional(),
})
const document = z.strictObject({
  source: z.string(),
  value_encoding: z.array(z.strictObject({ value: z.string(), header: z.string() })).nonempty(),
  negative: z.array(negative).nonempty(),
})

const schema = z.looseObject({
  $defs: z.record(
    z.string(),
    z.looseObject({ properties: z.record(z.string(), z.looseObject({ const: z.unknown().optional() })).optional() }),
  ),
})

const errorBody = z.looseObject({ jsonrpc: z.literal("2.0"), error: z.looseObject({ code: z.int() }) })

/** It is denied, in the words of the server that does not know it either. */
const UNKNOWN_METHOD = {
  id: "unknown-method-fails-closed",
  given: -32_601,
  deviation: {
    what: "JSON-RPC 2.0, section 5.1, has a code for a method that does not exist",
    why: "a client that gets another one takes it for a denial, and ends what it could do without",
  },
} as const

async function send(headers: Readonly<Record<string, string>>, body: string): Promise<GatewayAnswer> {
  const { token } = await openTask("first", { scope: "desk.*:read desk.*:write" })
  const sent = { ...headers, Authorization: `Bearer ${token}`, "Content-Type": "application/json" }
  return askAs("envoy", { method: "POST", path: "/desk/mcp", headers: sent, body })
}

const call = (name: string) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: {} } })

yardForEach()

conformance("mcp", (cases) => {
  const { $defs: definitions } = cases.json("schema-2026-07-28.json", schema)
  const named = Object.values(definitions).map(({ properties }) => properties?.["method"]?.const)
  cases.case("every method of the schema has a row in the table of methods", async () => {
    const rows = new Set<unknown>(MCP_METHODS.map(({ method }) => method))
    expect(named.filter((method) => typeof method === "string" && !rows.has(method))).toEqual([])
    expect(named).toContain("server/discover")
  })
  const { value_encoding: encodings, negative: refused } = cases.json("header-body-cases.json", document)
  for (const { value, header } of encodings) {
    const headers = { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": header }
    cases.case(`the value ${JSON.stringify(value)} is written ${header}`, async () => {
      expect((await send(headers, call(value))).code).toBe("unknown_tool")
      expect((await send(headers, call(`${value}.`))).code).toBe("malformed_call")
    })
  }
  for (const { id, headers, body, raw, status, code } of refused) {
    cases.case(id, async () => {
      const answer = await send(headers, raw ?? JSON.stringify(body))
      expect(answer.status).toBe(status ?? answer.status)
      expect(answer.status).toBeGreaterThanOrEqual(400)
      if (code === undefined) return []
      const given = errorBody.parse(JSON.parse(answer.body)).error.code
      if (id !== UNKNOWN_METHOD.id) expect(given).toBe(code)
      else expect([given, answer.status]).toEqual([UNKNOWN_METHOD.given, 404])
      return id === UNKNOWN_METHOD.id ? [{ ...UNKNOWN_METHOD.deviation, evidence: `code ${given}, not ${code}` }] : []
    })
  }
})
