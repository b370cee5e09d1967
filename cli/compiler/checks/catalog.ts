/** Each tool is reached in one way: by its MCP server, or by a route of its own. */
import { LIFECYCLE_SEGMENT, LIFECYCLE_TOOLS, lifecycleName } from "../../../src/core/catalog/lifecycle.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { nearest } from "../../../src/core/encoding/nearest.ts"
import { serverOf } from "../model/tools.ts"

export function checkCatalog({ catalog }: Policies): Problem[] {
  const servers = new Set(catalog.value.servers.map(({ name }) => name))
  return catalog.value.tools.flatMap(({ name, route, pinned }, index) => {
    const server = serverOf(name)
    if (route && pinned !== undefined && !servers.has(server)) {
      const message = `\`${name}\` has a route: only what an MCP server lists can be pinned`
      return [catalog.keyError(["tools", index, "pinned"], message, "Remove `pinned`.")]
    }
    if (!servers.has(server)) {
      if (route) return hasLifecycleName(name, server) ? [lifecycleRoute(catalog, index, name)] : []
      const near = nearest(server, servers)
      const fix = near === undefined ? "Give it a `route`, or list the server." : `Did you mean server \`${near}\`?`
      return [
        catalog.error(
          ["tools", index, "name"],
          `\`${name}\` has no route, and no MCP server is called \`${server}\``,
          fix,
        ),
      ]
    }
    if (route) {
      const message = `\`${name}\` has a route, but \`${server}\` is an MCP server`
      return [
        catalog.keyError(
          ["tools", index, "route"],
          message,
          "Remove the route, or give the tool another first segment.",
        ),
      ]
    }
    if (pinned !== undefined && hasLifecycleName(name, server)) {
      const message = `\`${name}\` is a lifecycle tool: no server lists it, so it cannot be pinned`
      return [catalog.keyError(["tools", index, "pinned"], message, "Remove `pinned`.")]
    }
    return isReserved(name, server)
      ? [
          catalog.error(
            ["tools", index, "name"],
            `\`${server}.${LIFECYCLE_SEGMENT}.…\` is for lifecycle tools`,
            lifecycleMend(),
          ),
        ]
      : []
  })
}

function hasLifecycleName(name: string, server: string): boolean {
  return name.startsWith(`${server}.${LIFECYCLE_SEGMENT}.`)
}

function isReserved(name: string, server: string): boolean {
  return hasLifecycleName(name, server) && !LIFECYCLE_TOOLS.some((tool) => name === lifecycleName(server, tool))
}

/** A route would be granted with its neighbours, and called at no cost, as what opens a session is. */
function lifecycleRoute(catalog: Policies["catalog"], index: number, name: string): Problem {
  const message = `\`${name}\` has a route, but \`<server>.${LIFECYCLE_SEGMENT}.…\` is for lifecycle tools of MCP servers`
  return catalog.error(["tools", index, "name"], message, "Give the tool another second segment.")
}

function lifecycleMend(): string {
  return `Write one of them (${LIFECYCLE_TOOLS.join(", ")}) to override it, or another name.`
}
