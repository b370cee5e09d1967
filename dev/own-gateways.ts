/**
 * Gateways in front of a user's own servers, as the user's policies describe them. For each registered gateway with an
 * origin on this machine, a development gateway stands in there, and forwards what is allowed to the servers that the
 * catalog's probes name.
 */
import type { BundleBody } from "../src/core/policy/bundle.ts"
import type { GatewayDefinition } from "../src/core/policy/definition/gateways.ts"
import { isLoopback } from "../src/core/encoding/url.ts"
import { type GatewayRoute, startGateway } from "./gateway.ts"
import { isStandIn, type StandIn } from "./gateway/ask.ts"
import { refuseTakenPort } from "./loopback.ts"
import { developmentKey } from "../cli/remote/local-stack-policies.ts"

export interface OwnGateways {
  /** One line each, for a person: which gateway runs where, and which does not run. */
  readonly report: readonly string[]
  readonly close: () => Promise<void>
}

export interface OwnGatewaysOptions {
  /** The gateway as in the live bundle, with its origins moved to where they are here. */
  readonly body: Pick<BundleBody, "gateways" | "servers" | "routes">
  readonly narrowgate: string
  /** Where everything is that no probe names: an MCP server's endpoint, or the root of an HTTP API. */
  readonly upstream?: string
}

export async function startOwnGateways({ body, narrowgate, upstream }: OwnGatewaysOptions): Promise<OwnGateways> {
  const started: { readonly close: () => Promise<void> }[] = []
  const report: string[] = []
  const taken = new Set<string>()
  const close = async (): Promise<void> => {
    for (const one of started.toReversed()) await one.close()
  }
  try {
    for (const gateway of body.gateways) {
      const { id, dialect } = gateway
      for (const origin of gateway.origins.filter((each) => isLoopback(new URL(each)) && !taken.has(each))) {
        const { routes, lost } = routesAt(origin, body, upstream)
        report.push(...lost.map((what) => `${what}: nothing says where it is; add a \`probe\`, or \`--upstream URL\``))
        // What stands in speaks no TLS, and would occupy the port of the gateway that does.
        if (origin.startsWith("https:"))
          report.push(
            `${origin}: nothing stands in for a gateway with TLS; start yours: narrowgate gateway config ${id}`,
          )
        else if (!isStandIn(dialect)) report.push(`${origin}: nothing stands in for a gateway of dialect ${dialect}`)
        else if (routes.length > 0) {
          taken.add(origin)
          const listener = listenerOf(gateway, origin, dialect, narrowgate)
          await refuseTakenPort(listener.port, `give gateway ${id} another port: \`origins\` in gateways.yaml`)
          started.push(await startGateway({ ...listener, routes }))
          for (const { prefix, upstream: to } of routes) report.push(`${origin}${prefix} → ${to} (${id}, ${dialect})`)
        }
      }
    }
    return { report, close }
  } catch (error) {
    await close()
    throw error
  }
}

function listenerOf({ id }: GatewayDefinition, origin: string, dialect: StandIn, narrowgate: string) {
  const authorizer = { origin: narrowgate, key: developmentKey(id), dialect }
  return { id, port: Number(new URL(origin).port || 80), authorizer, publicOrigin: origin }
}

interface Routes {
  readonly routes: readonly GatewayRoute[]
  /** What cannot be reached. */
  readonly lost: readonly string[]
}

function routesAt(origin: string, { servers, routes }: OwnGatewaysOptions["body"], upstream?: string): Routes {
  const found: GatewayRoute[] = []
  const lost: string[] = []
  for (const server of servers.filter((each) => each.origin === origin)) {
    const to = server.probe?.url ?? upstream
    if (to === undefined) lost.push(`MCP server ${server.name}`)
    else found.push({ prefix: server.path, upstream: to, server: server.name })
  }
  if (!routes.some((route) => route.origin === origin)) return { routes: found, lost }
  if (upstream === undefined) lost.push(`the HTTP API at ${origin}`)
  else found.push({ prefix: "", upstream })
  return { routes: found, lost }
}
