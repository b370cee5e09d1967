/** An MCP server `docs` in the yard, which has tools, resources and prompts. */
import { lifecycleName, lifecycleTools } from "../../src/core/catalog/lifecycle.ts"
import type { LifecycleTool } from "../../src/core/catalog/mcp-methods.ts"
import { sensitivityRank, type Tool } from "../../src/core/catalog/tool.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { CATALOGUED } from "./hostile-uris.ts"

const PROMPTS = [{ tool: "docs.summary", prompt: "Summary of a table" }]
const NAMES = [...CATALOGUED, ...PROMPTS].map(({ tool }) => tool)

interface Entries {
  /** What the catalog says of its own entries, by name; the others are like `desk.search`. */
  readonly own?: Readonly<Record<string, Partial<Tool>>>
  /** Lifecycle tools that the operator lists, so that no rule for all of them is about these. */
  readonly listed?: readonly LifecycleTool[]
  readonly labels?: readonly string[]
}

export function withDocs(body: BundleBody, { own = {}, listed = [], labels = [] }: Entries = {}): BundleBody {
  const like = body.tools.find(({ name }) => name === "desk.search")
  const entity = (name: string) => body.entities.find(({ uid }) => uid.type === "Tool" && uid.id === name)
  const likeEntity = entity("desk.search")
  if (!like || !likeEntity) throw new Error("the yard has changed")
  const isListed = (name: string): boolean => listed.some((each) => name === lifecycleName("docs", each))
  const entries = ["docs.find", ...NAMES].map((name) => ({ ...like, name, server: "docs", ...own[name] }))
  const tools: readonly Tool[] = [
    ...entries,
    ...lifecycleTools("docs", entries).map((tool) =>
      isListed(tool.name) ? { ...tool, groups: [], labels: [...labels] } : tool,
    ),
  ]
  const server = { name: "docs", origin: "https://api.test", path: "/docs/mcp", enforces_headers: true }
  return {
    ...body,
    tools: [...body.tools, ...tools],
    servers: [
      ...body.servers,
      {
        ...server,
        resources: CATALOGUED,
        prompts: PROMPTS,
        ...(listed.length > 0 && { judges_answers: true as const }),
      },
    ],
    entities: [
      ...body.entities,
      // As the compiler makes them.
      ...tools.map(({ name: id, server, action, sensitivity, labels: borne, groups }) => ({
        ...likeEntity,
        uid: { type: "Tool", id },
        attrs: { server, action, sensitivity, sensitivity_level: sensitivityRank(sensitivity), labels: borne },
        parents: [...groups.map((group) => ({ type: "ToolGroup", id: group })), { type: "Server", id: server }],
      })),
    ],
  }
}

export const message = (method: string, params: object = {}): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
