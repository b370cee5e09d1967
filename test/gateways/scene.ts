/**
 * The real Worker behind a gateway, with the demo's MCP servers behind that: the example policies, with an agent more.
 */
import { readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { developmentKey } from "../../cli/remote/local-stack-policies.ts"
import { startGateway as startOwnGateway } from "../../dev/gateway.ts"
import { twoFreePorts, type Listening } from "../../dev/loopback.ts"
import { DEMO_PORTS } from "../../dev/demo-ports.ts"
import { startStack, type Stack } from "../../dev/stack.ts"
import { startDesk, startEverything, type Desk } from "../../dev/upstreams.ts"
import { makeRobot, type Robot } from "../node/interop/robot.ts"
import { entryOf } from "./page.ts"
import type { Row } from "./row.ts"
import { startGateway } from "./start.ts"
import { startUpstreams } from "./upstream-by-prefix.ts"

const EDGE = `http://127.0.0.1:${DEMO_PORTS.edge}`
const WEB = `http://127.0.0.1:${DEMO_PORTS.web}`

export interface Scene {
  /** The gateway's, which is what its clients ask tokens for. */
  readonly origin: string
  readonly stack: Stack
  readonly desk: Desk
  readonly robot: Robot
  readonly close: () => Promise<void>
}

export interface SceneOptions {
  /** The gateway, by its page and its row. */
  readonly row: Row
  /** The local stack's own gateway takes the place of the row's, and acts as Envoy does. */
  readonly standIn?: boolean
  /** More of what is behind the gateway, by the prefix of their path. */
  readonly upstreams?: Readonly<Record<string, string>>
  /** What stands between the row's gateway and Narrowgate. @param narrowgate origin */
  readonly before?: (narrowgate: string) => Promise<Listening>
  /** Changes a copy of `policies/`. */
  readonly edit?: (policies: string) => Promise<void>
}

export async function setScene({ row, standIn = false, upstreams = {}, before, edit }: SceneOptions): Promise<Scene> {
  const port = await twoFreePorts()
  const origin = `http://127.0.0.1:${port}`
  const written = entryOf(row.page)
  // With bodies it takes the place of all gateways of policies/. Without, only of the one that forwards none either:
  // rules of other tools read arguments that it does not show.
  const carriesBodies = written["body"] === true
  const served = carriesBodies ? EDGE : WEB
  const entry = { ...written, origins: [served], audience: origin, environment: "development" }
  const robot = await makeRobot((entries) =>
    carriesBodies ? [entry] : [entry, ...entries.filter(({ origins }) => origins[0] !== served)],
  )
  const { policies } = robot
  const state = `${policies}-state`
  const removeAll = async (): Promise<void> => {
    await robot.remove()
    await rm(state, { recursive: true, force: true })
  }
  const started: Pick<Listening, "close">[] = [{ close: removeAll }]
  const keep = <Part extends Pick<Listening, "close">>(part: Part): Part => {
    started.push(part)
    return part
  }
  const close = async (): Promise<void> => {
    for (const part of started.toReversed()) await part.close()
  }
  try {
    const catalog = join(policies, "catalog.yaml")
    if (carriesBodies) await writeFile(catalog, (await readFile(catalog, "utf8")).replaceAll(WEB, EDGE))
    await edit?.(policies)
    const origins = new Map([[served, origin]])
    const stack = keep(await startStack({ policies, port: await twoFreePorts(), state, origins }))
    const everything = keep(await startEverything({ port: 0 }))
    const desk = keep(await startDesk({ port: 0 }))
    const routes = { "/everything/mcp": everything.url, "/desk/mcp": desk.url, ...upstreams }
    const key = developmentKey(entry.id)
    if (standIn) {
      keep(
        await startOwnGateway({
          port,
          id: entry.id,
          authorizer: { origin: stack.origin, key, dialect: "envoy" },
          routes: Object.entries(routes).map(([prefix, upstream]) => ({ prefix, upstream })),
        }),
      )
    } else {
      const upstream = keep(await startUpstreams(routes))
      const authorizer = before ? keep(await before(stack.origin)).origin : stack.origin
      const where = { authorizer, key, upstream: upstream.origin, host: "127.0.0.1", port }
      keep(await startGateway(row, where))
    }
    return { origin, stack, desk, robot, close }
  } catch (error) {
    await close()
    throw error
  }
}
