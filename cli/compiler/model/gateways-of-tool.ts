/**
 * The gateways through which a tool is called: those that serve the origin of its route or of its MCP server, in one of
 * the given environments.
 */
import type { Policies } from "./policies.ts"
import { serverOf } from "./tools.ts"

type ListedGateway = Policies["gateways"]["value"]["gateways"][number]

export function gatewaysOf(
  tool: string,
  { environments }: { readonly environments?: readonly string[] },
  { catalog, gateways }: Policies,
): readonly ListedGateway[] {
  const { tools, servers } = catalog.value
  const origin =
    tools.find(({ name }) => name === tool)?.route?.origin ??
    servers.find(({ name }) => name === serverOf(tool))?.origin
  return gateways.value.gateways.filter(
    ({ origins, environment }) =>
      origin !== undefined && origins.includes(origin) && (environments?.includes(environment) ?? true),
  )
}
