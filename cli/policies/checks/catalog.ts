/** Each tool is reached in one way: by its MCP server, or by a route of its own. */
import { LIFECYCLE_SEGMENT, LIFECYCLE_TOOLS } from "../../../src/catalog/lifecycle.ts"
import type { Policies } from "../policies.ts"
import type { Problem } from "../problem.ts"
import { nearest } from "../nearest.ts"
import { serverOf } from "../tools.ts"

export function checkCatalog({ catalog }: Policies): Problem[] {
  const servers = new Set(catalog.value.servers.map(({ name }) => name))
  return catalog.value.tools.flatMap(({ name, route, pinned }, index) => {
    const server = serverOf(name)
    if (route && pinned !== undefined && !servers.has(server)) {
      const message = `\`${name}\` has a route: only what an MCP server lists can be pinned`
      return [catalog.keyError(["tools", index, "pinned"], message, "Remove `pinned`.")]
    }
    if (!servers.has(server)) {
      if (route) return []
      const near = nearest(server, servers)
      const mend = near === undefined ? "Give it a `route`, or list the server." : `Did you mean server \`${near}\`?`
      return [
        catalog.error(
          ["tools", index, "name"],
          `\`${name}\` has no route, and no MCP server is called \`${server}\``,
          mend,
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
    if (pinned !== undefined && name.startsWith(`${server}.${LIFECYCLE_SEGMENT}.`)) {
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

function isReserved(name: string, server: string): boolean {
  const prefix = `${server}.${LIFECYCLE_SEGMENT}.`
  return name.startsWith(prefix) && !LIFECYCLE_TOOLS.some((tool) => name === prefix + tool)
}

function lifecycleMend(): string {
  return `Write one of them (${LIFECYCLE_TOOLS.join(", ")}) to override it, or another name.`
}
