/** What tests may name, as the bundle defines it. */
import { buildCatalog, type Catalog } from "../../src/core/catalog/locate.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"

export interface World {
  readonly body: BundleBody
  readonly tools: ReadonlyMap<string, Tool>
  readonly catalog: Catalog
  readonly gateways: ReadonlyMap<string, GatewayDefinition>
  readonly agents: ReadonlySet<string>
  readonly purposes: ReadonlySet<string>
  readonly rules: ReadonlySet<string>
  readonly approvals: ReadonlySet<string>
}

export function worldOf(body: BundleBody): World {
  const tools = new Map(body.tools.map((tool) => [tool.name, tool]))
  return {
    body,
    tools,
    catalog: buildCatalog(tools, body.servers, body.routes),
    gateways: new Map(body.gateways.map((gateway) => [gateway.id, gateway])),
    agents: new Set(body.agents.map(({ id }) => id)),
    purposes: new Set(body.purposes.map((purpose) => purpose.name)),
    rules: new Set(body.rules.map(({ id }) => id)),
    approvals: new Set(body.approvals.map(({ name }) => name)),
  }
}
