/**
 * Lifecycle and discovery of MCP as tools of their own, so that they too are granted, permitted and recorded. Every
 * server of the catalog has them; an operator overrides one by listing it among the tools.
 */
import { METHODS, type LifecycleTool } from "./mcp-methods.ts"
import { ACTIONS, SENSITIVITIES, sensitivityRank, type Action, type Sensitivity, type Tool } from "./tool.ts"

/** The last segment of each name, in the order of the table. */
export const LIFECYCLE_TOOLS: readonly LifecycleTool[] = [
  ...new Set([...METHODS.map(({ tool }) => tool), ...METHODS.map(({ answer }) => answer)]),
].filter((tool) => tool !== null && tool !== undefined)

/** Those that can return what other tools have produced. */
export const RESULT_TOOLS: readonly LifecycleTool[] = LIFECYCLE_TOOLS.filter((tool) =>
  METHODS.some((row) => row.tool === tool && row.returns === "results"),
)

/** The second segment of their names. A server's own tool must not begin with it, or it would pass for one of these. */
export const LIFECYCLE_SEGMENT = "mcp"

const LIFECYCLE_GROUP = "mcp-lifecycle"
const RESULTS_GROUP = "mcp-results"

export function lifecycleName(server: string, tool: LifecycleTool): string {
  return `${server}.${LIFECYCLE_SEGMENT}.${tool}`
}

/**
 * The default lifecycle tools of one server. They cost nothing: a chatty transport must not exhaust a task's budget. One
 * that can return results is as sensitive as the most sensitive tool of the server, and has the labels of all.
 * @param own the server's tools, resources and prompts
 */
export function lifecycleTools(server: string, own: readonly Tool[]): Tool[] {
  const results = {
    sensitivity: mostSensitive(own),
    labels: [...new Set(own.flatMap(({ labels }) => labels))].toSorted(),
    groups: [RESULTS_GROUP],
    resultsOf: own.map(({ name }) => name),
  }
  return LIFECYCLE_TOOLS.map((tool) => ({
    name: lifecycleName(server, tool),
    server,
    action: actionOf(tool, own),
    sensitivity: "public",
    labels: [],
    groups: [LIFECYCLE_GROUP],
    cost: 0,
    redact: [],
    ...(RESULT_TOOLS.includes(tool) && results),
  }))
}

function mostSensitive(own: readonly Tool[]): Sensitivity {
  const rank = Math.max(...own.map(({ sensitivity }) => sensitivityRank(sensitivity)))
  return SENSITIVITIES[rank] ?? "restricted"
}

function actionOf(tool: LifecycleTool, own: readonly Tool[]): Action {
  const { action = "read" } = METHODS.find((row) => row.tool === tool && row.action !== undefined) ?? {}
  if (action !== "any") return action
  return ACTIONS.findLast((each) => own.some((one) => one.action === each)) ?? "execute"
}

const PREFIX = `${LIFECYCLE_SEGMENT}.`
const LIFECYCLE: ReadonlySet<string> = new Set(LIFECYCLE_TOOLS)

export function isLifecycle(tool: Pick<Tool, "name" | "server">): boolean {
  const start = tool.server.length + 1
  return tool.name.startsWith(PREFIX, start) && LIFECYCLE.has(tool.name.slice(start + PREFIX.length))
}
