/** What stands behind the local stack: the demo's servers, each reached only through a gateway that uses Narrowgate. */
import { DEMO_PORTS, type DemoPorts } from "./demo-ports.ts"
import { startGateway } from "./gateway.ts"
import { freePort, type Listening } from "./loopback.ts"
import { nginxPath, startNginx } from "./nginx.ts"
import { developmentKey, type Origins } from "../cli/remote/local-stack-policies.ts"
import {
  type Api,
  type Desk,
  type McpUpstream,
  startApi,
  startDesk,
  startEverything,
  startBilling,
} from "./upstreams.ts"

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

/** Free ports for all of it, and the origins that policies/ names → those at these ports. */
export async function freeServicePorts(): Promise<{ readonly ports: DemoPorts; readonly origins: Origins }> {
  const ports: DemoPorts = {
    edge: await freePort(),
    web: await freePort(),
    everything: await freePort(),
    desk: await freePort(),
    billing: await freePort(),
  }
  const here = new Map(Object.entries(ports))
  const origins = Object.entries(DEMO_PORTS).map(
    ([name, written]) => [at(written), at(here.get(name) ?? written)] as const,
  )
  return { ports, origins: new Map(origins) }
}

const at = (port: number): string => `http://127.0.0.1:${port}`

export async function startServices(narrowgate: string, ports: DemoPorts): Promise<Services> {
  const started: { readonly close: () => Promise<void> }[] = []
  const keep = <Part extends { readonly close: () => Promise<void> }>(part: Part): Part => {
    started.push(part)
    return part
  }
  const close = async (): Promise<void> => {
    for (const part of started.toReversed()) await part.close()
  }
  try {
    const everything = keep(await startEverything({ port: ports.everything }))
    const desk = keep(await startDesk({ port: ports.desk }))
    const billing = keep(await startBilling({ port: ports.billing }))
    const api = keep(await startApi({ port: 0 }))
    const edge = keep(
      await startGateway({
        port: ports.edge,
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
        ? await startNginx({ port: ports.web, id: "web", authorizer, routes })
        : await startGateway({ port: ports.web, id: "web", authorizer: { ...authorizer, dialect: "nginx" }, routes }),
    )
    return { edge, web, webIs: isInstalled ? "nginx" : "a stand-in for nginx", desk, billing, api, close }
  } catch (error) {
    await close()
    throw error
  }
}
