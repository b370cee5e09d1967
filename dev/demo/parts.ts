/** The parts of the demo, none of which knows of the others: servers, gateways, the stack. All on free ports. */
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { operatorToken } from "../login.ts"
import { startGateway } from "../gateway.ts"
import { freePort, listen, type Listening } from "../loopback.ts"
import { nginxPath, startNginx } from "../nginx.ts"
import { developmentKey } from "../seed.ts"
import { startStack, type Stack } from "../stack.ts"
import { type Api, type Desk, startApi, startDesk, startEverything, type Upstream } from "../upstreams.ts"

export interface Parts {
  readonly stack: Stack
  /** Envoy's way of asking, with bodies: before `everything`, and before the plain HTTP API. */
  readonly edge: Listening
  /** nginx's way of asking, without bodies: before `desk`. */
  readonly web: Listening
  readonly webIs: "nginx" | "a stand-in for nginx"
  readonly desk: Desk
  readonly api: Api
  readonly operator: string
  readonly close: () => Promise<void>
}

/** Where policies/ says that the two gateways are. */
const WRITTEN_EDGE = "http://127.0.0.1:8080"
const WRITTEN_WEB = "http://127.0.0.1:8081"

export async function startParts(policies: string): Promise<Parts> {
  const started: { readonly close: () => Promise<void> }[] = []
  const keep = <Part extends { readonly close: () => Promise<void> }>(part: Part): Part => {
    started.push(part)
    return part
  }
  const close = async (): Promise<void> => {
    for (const part of started.reverse()) await part.close()
  }
  try {
    const state = await mkdtemp(join(tmpdir(), "narrowgate-demo-"))
    keep({ close: async () => rm(state, { recursive: true, force: true }) })
    const [edgePort, webPort, port] = [await freePort(), await freePort(), await twoFreePorts()]
    const origins = new Map([
      [WRITTEN_EDGE, `http://127.0.0.1:${edgePort}`],
      [WRITTEN_WEB, `http://127.0.0.1:${webPort}`],
    ])
    const everything: Upstream = keep(await startEverything({ port: 0 }))
    const desk = keep(await startDesk({ port: 0 }))
    const api = keep(await startApi({ port: 0 }))
    const stack = keep(await startStack({ policies, port, state, origins }))
    const edge = keep(
      await startGateway({
        port: edgePort,
        authorizer: { origin: stack.origin, key: developmentKey("edge"), dialect: "envoy" },
        routes: [
          { prefix: "/everything/mcp", upstream: everything.url },
          { prefix: "/crm", upstream: `${api.url}/crm` },
          { prefix: "/mail", upstream: `${api.url}/mail` },
        ],
      }),
    )
    const routes = [{ prefix: "/desk/mcp", upstream: desk.url }]
    const asked = { origin: stack.origin, key: developmentKey("web") }
    const isInstalled = nginxPath() !== null
    const web = keep(
      isInstalled
        ? await startNginx({ port: webPort, authorizer: asked, routes })
        : await startGateway({ port: webPort, authorizer: { ...asked, dialect: "nginx" }, routes }),
    )
    const operator = await operatorToken({ origin: stack.provider })
    return { stack, edge, web, webIs: isInstalled ? "nginx" : "a stand-in for nginx", desk, api, operator, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The stack takes a port and the next. */
async function twoFreePorts(): Promise<number> {
  for (let tries = 0; tries < 20; tries++) {
    const port = await freePort()
    const next = await listen(createServer(), port + 1).catch(() => null)
    if (!next) continue
    await next.close()
    return port
  }
  throw new Error("no two ports in a row are free")
}
