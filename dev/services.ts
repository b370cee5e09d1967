/** What stands behind the local stack: the demo's servers, each reached only through a gateway that uses Narrowgate. */
import type { BundleBody } from "../src/core/policy/bundle.ts"
import { startGateway } from "./gateway.ts"
import type { Listening } from "./loopback.ts"
import { nginxPath, startNginx } from "./nginx.ts"
import { developmentKey } from "../cli/remote/local-stack-policies.ts"
import {
  type Api,
  type Desk,
  type McpUpstream,
  startApi,
  startDesk,
  startEverything,
  startBilling,
} from "./upstreams.ts"

/** Where policies/ says that the two gateways are. */
export const WRITTEN_EDGE_PORT = 8080
export const WRITTEN_WEB_PORT = 8081
/** Where it says that probes reach the two MCP servers themselves. */
export const WRITTEN_EVERYTHING_PORT = 8082
export const WRITTEN_DESK_PORT = 8083
export const WRITTEN_BILLING_PORT = 8084

/** Of the example's policies, and of copies of them: their MCP servers are the demo's. */
export function namesDemoServers(servers: BundleBody["servers"]): boolean {
  const probes = new Map([
    ["everything", WRITTEN_EVERYTHING_PORT],
    ["desk", WRITTEN_DESK_PORT],
    ["billing", WRITTEN_BILLING_PORT],
  ])
  return servers.some(({ name, probe }) => probe?.url === `http://127.0.0.1:${probes.get(name)}/mcp`)
}

export interface Services {
  /**
   * In the manner of Envoy, with bodies: in front of the MCP servers `everything` and `billing`, and of the plain HTTP
   * API.
   */
  readonly edge: Listening
  /** In the manner of nginx, without bodies: in front of the MCP server `desk`. */
  readonly web: Listening
  readonly webIs: "nginx" | "a stand-in for nginx"
  readonly desk: Desk
  readonly billing: McpUpstream
  readonly api: Api
  readonly close: () => Promise<void>
}

export interface ServicesOptions {
  readonly narrowgate: string
  readonly edgePort: number
  readonly webPort: number
  readonly everythingPort: number
  readonly deskPort: number
  readonly billingPort: number
}

export async function startServices(options: ServicesOptions): Promise<Services> {
  const { narrowgate, edgePort, webPort, everythingPort, deskPort, billingPort } = options
  const started: { readonly close: () => Promise<void> }[] = []
  const keep = <Part extends { readonly close: () => Promise<void> }>(part: Part): Part => {
    started.push(part)
    return part
  }
  const close = async (): Promise<void> => {
    for (const part of started.toReversed()) await part.close()
  }
  try {
    const everything = keep(await startEverything({ port: everythingPort }))
    const desk = keep(await startDesk({ port: deskPort }))
    const billing = keep(await startBilling({ port: billingPort }))
    const api = keep(await startApi({ port: 0 }))
    const edge = keep(
      await startGateway({
        port: edgePort,
        id: "edge",
        authorizer: { origin: narrowgate, key: developmentKey("edge"), dialect: "envoy" },
        routes: [
          { prefix: "/everything/mcp", upstream: everything.url, server: "everything" },
          { prefix: "/billing/mcp", upstream: billing.url, server: "billing" },
          { prefix: "/crm", upstream: `${api.url}/crm` },
          { prefix: "/mail", upstream: `${api.url}/mail` },
        ],
      }),
    )
    const routes = [{ prefix: "/desk/mcp", upstream: desk.url, server: "desk" }]
    const authorizer = { origin: narrowgate, key: developmentKey("web") }
    const isInstalled = nginxPath() !== null
    const web = keep(
      isInstalled
        ? await startNginx({ port: webPort, id: "web", authorizer, routes })
        : await startGateway({ port: webPort, id: "web", authorizer: { ...authorizer, dialect: "nginx" }, routes }),
    )
    return { edge, web, webIs: isInstalled ? "nginx" : "a stand-in for nginx", desk, billing, api, close }
  } catch (error) {
    await close()
    throw error
  }
}
