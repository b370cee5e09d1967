/** Where policies/ says that the demo's gateways are, and that probes reach its MCP servers themselves. */
import type { BundleBody } from "../src/core/policy/bundle.ts"

export interface DemoPorts {
  /** Gateways. */
  readonly edge: number
  readonly web: number
  /** MCP servers. */
  readonly everything: number
  readonly desk: number
  readonly billing: number
}

export const DEMO_PORTS: DemoPorts = { edge: 8080, web: 8081, everything: 8082, desk: 8083, billing: 8084 }

/** Of the example's policies, and of copies of them: their MCP servers are the demo's. */
export function namesDemoServers(servers: BundleBody["servers"]): boolean {
  const { everything, desk, billing } = DEMO_PORTS
  const probes = new Map(Object.entries({ everything, desk, billing }))
  return servers.some(({ name, probe }) => probe?.url === `http://127.0.0.1:${probes.get(name)}/mcp`)
}
