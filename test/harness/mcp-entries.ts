/** An MCP server `docs` in the yard, which has tools, resources and prompts. */
import { LIFECYCLE_TOOLS, lifecycleName, lifecycleTools, type LifecycleTool } from "../../src/core/catalog/lifecycle.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { CATALOGUED } from "./hostile-uris.ts"
import { callWith, ORIGIN, type ClientRequest } from "./gateways.ts"

const PROMPTS = [{ tool: "docs.summary", prompt: "Summary of a table" }]
const NAMES = [...CATALOGUED, ...PROMPTS].map(({ tool }) => tool)

interface Entries {
  /** Lifecycle tools that the operator lists, so that no rule for all of them is about these. */
  readonly listed?: readonly LifecycleTool[]
  readonly labels?: readonly string[]
}

export function withDocs(body: BundleBody, { listed = [], labels = [] }: Entries = {}): BundleBody {
  const like = body.tools.find(({ name }) => name === "desk.search")
  const entity = (name: string) => body.entities.find(({ uid }) => uid.type === "Tool" && uid.id === name)
  const [own, opening] = [entity("desk.search"), entity("desk.mcp.ping")]
  if (!like || !own || !opening) throw new Error("the yard has changed")
  const isListed = (name: string): boolean => listed.some((each) => name === lifecycleName("docs", each))
  const tools = [
    ...["docs.find", ...NAMES].map((name) => ({ ...like, name, server: "docs" })),
    ...lifecycleTools("docs").map((tool) =>
      isListed(tool.name) ? { ...tool, groups: [], labels: [...labels] } : tool,
    ),
  ]
  const server = { name: "docs", origin: ORIGIN, path: "/docs/mcp", enforces_headers: true }
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
      ...["docs.find", ...NAMES].map((id) => ({ ...own, uid: { type: "Tool", id } })),
      ...LIFECYCLE_TOOLS.map((tool) => {
        const id = lifecycleName("docs", tool)
        return { ...opening, uid: { type: "Tool", id }, ...(isListed(id) && { parents: [] }) }
      }),
    ],
  }
}

export const message = (method: string, params: object = {}): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })

export const post = async (token: string, body: string, more: Partial<ClientRequest> = {}, gateway = "envoy") =>
  callWith(
    token,
    "/docs/mcp",
    { method: "POST", body, ...more, headers: { "Content-Type": "application/json", ...more.headers } },
    gateway,
  )
