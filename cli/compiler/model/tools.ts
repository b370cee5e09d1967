/** The whole catalog: the listed tools, and the lifecycle tools that each MCP server has as well. */
import { isLifecycle, lifecycleName, lifecycleTools } from "../../../src/core/catalog/lifecycle.ts"
import { ANSWERS } from "../../../src/core/catalog/mcp-response.ts"
import type { McpServer } from "../../../src/core/catalog/mcp-server.ts"
import { argumentsOfPattern } from "../../../src/core/catalog/resource-pattern.ts"
import type { RouteDefinition } from "../../../src/core/catalog/route.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import type { CatalogFile, ListedTool } from "../schema/catalog.ts"

export function allTools(catalog: CatalogFile): Tool[] {
  const listed = catalog.tools.map(toTool)
  const names = new Set(listed.map(({ name }) => name))
  const byServer = Map.groupBy(listed, ({ server }) => server)
  const lifecycle = catalog.servers.flatMap(({ name }) =>
    lifecycleTools(
      name,
      (byServer.get(name) ?? []).filter((tool) => !isLifecycle(tool)),
    ),
  )
  return [...listed, ...lifecycle.filter(({ name }) => !names.has(name))]
}

export function allRoutes(catalog: CatalogFile): RouteDefinition[] {
  return catalog.tools.flatMap(({ name, route }) => (route ? [{ tool: name, ...route }] : []))
}

/** Each with its resources and prompts. */
export function allServers({ servers, tools }: CatalogFile): McpServer[] {
  const byServer = Map.groupBy(tools, ({ name }) => serverOf(name))
  return servers.map((server) => {
    const own = byServer.get(server.name) ?? []
    const resources = own.flatMap(({ name: tool, resource: pattern }) =>
      pattern === undefined ? [] : [{ tool, pattern }],
    )
    const prompts = own.flatMap(({ name: tool, prompt }) => (prompt === undefined ? [] : [{ tool, prompt }]))
    const answers = new Set(ANSWERS.map((kind) => lifecycleName(server.name, kind)))
    return {
      ...server,
      ...(resources.length > 0 && { resources }),
      ...(prompts.length > 0 && { prompts }),
      ...(own.some(({ name }) => answers.has(name)) && { judges_answers: true }),
    }
  })
}

/** The first segment of a tool's name: the server that it belongs to. */
export function serverOf(tool: string): string {
  return tool.slice(0, tool.indexOf("."))
}

function toTool({ route: _route, resource, prompt: _prompt, redact, ...listed }: ListedTool): Tool {
  const own = resource === undefined ? [] : argumentsOfPattern(resource)
  // The URI contains the other arguments, and consists of little else.
  const isRedacted = own.some((argument) => redact.includes(argument))
  return { ...listed, redact: isRedacted ? [...new Set([...redact, ...own])] : redact, server: serverOf(listed.name) }
}
