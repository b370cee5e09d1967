/**
 * An MCP server with many tools, added to a copy of bench/policies: kept, forbidden by a rule, and outside the grant.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseDocument } from "yaml"
import { ORIGIN } from "./identities.ts"

export const SUITE = "suite"
export const SUITE_TOOLS = 200
/** In turn: what may be called, what a rule forbids, what no token has, and what a rule judges by an argument. */
const KINDS = [
  { action: "read", sensitivity: "internal", kept: true },
  { action: "read", sensitivity: "restricted", kept: false },
  { action: "write", sensitivity: "internal", kept: false },
  { action: "read", sensitivity: "confidential", kept: true },
] as const

const kindOf = (index: number): (typeof KINDS)[number] => KINDS[index % KINDS.length] ?? KINDS[0]
const nameOf = (index: number): string => `tool-${String(index).padStart(3, "0")}`
const numbers = Array.from({ length: SUITE_TOOLS }, (_, index) => index)

/** As a server answers, each tool with a schema of usual size. */
export const suiteList: string = listOf(numbers)
export const suiteKept: string = listOf(numbers.filter((index) => kindOf(index).kept))

function listOf(indices: readonly number[]): string {
  const tools = indices.map((index) => ({
    name: nameOf(index),
    description: "Does one thing to one ticket, and says what became of it. Nothing is sent to anybody.",
    inputSchema: {
      type: "object",
      properties: {
        ticket: { type: "string", description: "Which one: T- and digits" },
        limit: { type: "integer", minimum: 1, maximum: 100 },
        fields: { type: "array", items: { type: "string" } },
      },
      required: ["ticket"],
    },
  }))
  return JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools } })
}

/** Half of the tools with a group of a rule that reads an argument; the list itself may be asked for by the desk. */
export async function addSuite(directory: string): Promise<void> {
  await edit(join(directory, "catalog.yaml"), (catalog) => {
    catalog.set("servers", [{ name: SUITE, origin: ORIGIN, path: "/suite/mcp" }])
    const list = { name: `${SUITE}.mcp.tools-list`, action: "read", sensitivity: "public", groups: ["desk"], cost: 0 }
    catalog.addIn(["tools"], list)
    for (const index of numbers) {
      const { action, sensitivity } = kindOf(index)
      const groups = index % 2 === 0 ? ["desk"] : ["desk", "by-ticket"]
      catalog.addIn(["tools"], { name: `${SUITE}.${nameOf(index)}`, action, sensitivity, groups })
    }
  })
  await edit(join(directory, "agents.yaml"), (agents) => {
    agents.addIn(["purposes", 0, "grant", "tools"], `${SUITE}.*:read`)
    agents.addIn(["agents", 0, "ceiling", "tools"], `${SUITE}.*:read`)
  })
  const rules = join(directory, "desk.cedar")
  await writeFile(rules, (await readFile(rules, "utf8")) + BY_TICKET)
}

const BY_TICKET = `
@id("by-ticket")
forbid (principal, action == Action::"read", resource in ToolGroup::"by-ticket")
unless { context.arguments has ticket && context.arguments.ticket like "T-*" };
`

async function edit(file: string, change: (document: ReturnType<typeof parseDocument>) => void): Promise<void> {
  const document = parseDocument(await readFile(file, "utf8"))
  change(document)
  await writeFile(file, document.toString())
}
