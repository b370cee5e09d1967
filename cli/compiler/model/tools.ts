/** The whole catalog: the listed tools, and the lifecycle tools that each MCP server has as well. */
import { lifecycleTools } from "../../../src/core/catalog/lifecycle.ts"
import type { RouteDefinition } from "../../../src/core/catalog/route.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import type { CatalogFile, ListedTool } from "../schema/catalog.ts"

export function allTools(catalog: CatalogFile): Tool[] {
  const listed = catalog.tools.map(toTool)
  const names = new Set(listed.map(({ name }) => name))
  const lifecycle = catalog.servers.flatMap((server) => lifecycleTools(server.name))
  return [...listed, ...lifecycle.filter(({ name }) => !names.has(name))]
}

export function allRoutes(catalog: CatalogFile): RouteDefinition[] {
  return catalog.tools.flatMap(({ name, route }) => (route ? [{ tool: name, ...route }] : []))
}

/** The first segment of a tool's name: the server that it belongs to. */
export function serverOf(tool: string): string {
  return tool.slice(0, tool.indexOf("."))
}

function toTool({ route: _route, ...listed }: ListedTool): Tool {
  return { ...listed, server: serverOf(listed.name) }
}
