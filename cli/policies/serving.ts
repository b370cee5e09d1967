/** Which gateways a call of a tool comes through: those that serve the origin of its route or of its MCP server. */
import type { Policies } from "./policies.ts"
import { serverOf } from "./tools.ts"

export type ListedGateway = Policies["gateways"]["value"]["gateways"][number]

export function gatewaysOf(tool: string, { catalog, gateways }: Policies): readonly ListedGateway[] {
  const { tools, servers } = catalog.value
  const origin =
    tools.find(({ name }) => name === tool)?.route?.origin ??
    servers.find(({ name }) => name === serverOf(tool))?.origin
  return gateways.value.gateways.filter(({ origins }) => origin !== undefined && origins.includes(origin))
}
