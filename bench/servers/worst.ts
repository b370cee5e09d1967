/** What is added to bench/policies so that every part of a request that can be read is read: rules, guardrails, keys. */
import { createHash } from "node:crypto"
import { appendFile, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseDocument } from "yaml"
import { AUDIENCE, ORIGIN } from "./identities.ts"

export const WORST_PATH = "/worst"
export const WORST_SERVER = "worst"
export const WORST_MCP_PATH = "/worst/mcp"
/** Of a gateway that asks about calls by AuthZEN, and of a client that asks what policy says. */
export const AUTHZEN_KEY = "key-of-the-authzen-gateway-of-this-run"
export const QUERY_KEY = "key-of-the-query-client-of-this-run"

const hashOf = (key: string): string => createHash("sha256").update(key).digest("hex")

export async function addWorst(directory: string): Promise<void> {
  await edit(join(directory, "catalog.yaml"), (catalog) => {
    const tool = { action: "write", sensitivity: "internal", groups: ["desk"] }
    catalog.set("servers", [{ name: WORST_SERVER, origin: ORIGIN, path: WORST_MCP_PATH }])
    const route = { origin: ORIGIN, methods: ["POST"], path: WORST_PATH }
    catalog.addIn(["tools"], { name: "plain.post", ...tool, route })
    catalog.addIn(["tools"], { name: `${WORST_SERVER}.pay`, ...tool })
    const list = { name: `${WORST_SERVER}.mcp.tools-list`, action: "read", sensitivity: "public", groups: ["desk"] }
    catalog.addIn(["tools"], { ...list, cost: 0 })
  })
  await edit(join(directory, "agents.yaml"), (agents) => {
    for (const scope of ["plain.*:write", `${WORST_SERVER}.*:write`, `${WORST_SERVER}.*:read`]) {
      agents.addIn(["purposes", 0, "grant", "tools"], scope)
      agents.addIn(["agents", 0, "ceiling", "tools"], scope)
    }
  })
  await edit(join(directory, "gateways.yaml"), (gateways) => {
    const gateway = { id: "authzen", dialect: "authzen", key_sha256: [hashOf(AUTHZEN_KEY)], origins: [ORIGIN] }
    gateways.addIn(["gateways"], { ...gateway, audience: AUDIENCE, environment: "bench", body: true })
    gateways.set("queries", [{ id: "query", key_sha256: [hashOf(QUERY_KEY)] }])
  })
  await edit(join(directory, "guardrails.yaml"), (guardrails) => {
    const tools = ["plain.*", `${WORST_SERVER}.pay`]
    const window = { limit: 100_000, within: "10s" }
    guardrails.set("windows", [{ id: "by-call", tools, per: "call", ...window }])
    guardrails.set("budgets", [
      { id: "values", tools, per: "tree", distinct: "arguments.to", limit: 10_000, within: "10s" },
    ])
  })
  const schema = join(directory, "schema.cedarschema")
  const text = await readFile(schema, "utf8")
  await writeFile(schema, text.replace("{ ticket?: String }", "{ ticket?: String, to?: String }"))
  await appendFile(join(directory, "desk.cedar"), READS_ALL)
}

/** Of the whole record each rule of this kind compares every value. */
const READS_ALL = `
@id("reads-all")
forbid (principal, action == Action::"write", resource in ToolGroup::"desk")
unless { [context.arguments].contains(context.arguments) };
`

async function edit(file: string, change: (document: ReturnType<typeof parseDocument>) => void): Promise<void> {
  const document = parseDocument(await readFile(file, "utf8"))
  change(document)
  await writeFile(file, document.toString())
}
