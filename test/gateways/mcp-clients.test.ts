/**
 * Clients of MCP that nobody here wrote, of both generations, through real gateways: from a 401 through the metadata
 * (RFC 9728, RFC 8414) to a token by `client_credentials`, to a call that passes and to calls that do not.
 */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { Client, PrivateKeyJwtProvider, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { PrivateKeyJwtProvider as OldProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { freePort, twoFreePorts, type Listening } from "../../dev/loopback.ts"
import { developmentKey } from "../../cli/remote/local-stack-policies.ts"
import { WRITTEN_EDGE_PORT, WRITTEN_WEB_PORT } from "../../dev/services.ts"
import { startStack } from "../../dev/stack.ts"
import { startDesk, startEverything, type Desk } from "../../dev/upstreams.ts"
import { makeRobot, ROBOT } from "../node/interop/robot.ts"
import { entryOf } from "./page.ts"
import type { Row } from "./row.ts"
import { installed, startGateway } from "./start.ts"
import { GATEWAYS } from "./table.ts"
import { startUpstreams } from "./upstream-by-prefix.ts"

const EDGE = `http://127.0.0.1:${WRITTEN_EDGE_PORT}`
const WEB = `http://127.0.0.1:${WRITTEN_WEB_PORT}`

interface Scene {
  /** The gateway's, which is what its clients ask tokens for. */
  readonly origin: string
  readonly desk: Desk
  readonly robot: ConstructorParameters<typeof PrivateKeyJwtProvider>[0]
  readonly close: () => Promise<void>
}

async function setScene(row: Row): Promise<Scene> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  // Of the two gateways of policies/ it takes the place of both.
  const entry = { ...entryOf(row.page), origins: [EDGE], audience: origin, environment: "development" }
  const { policies, privateJwk, remove } = await makeRobot(() => [entry])
  const catalog = join(policies, "catalog.yaml")
  await writeFile(catalog, (await readFile(catalog, "utf8")).replaceAll(WEB, EDGE))
  const started: Pick<Listening, "close">[] = [{ close: remove }]
  const keep = <Part extends Pick<Listening, "close">>(part: Part): Part => {
    started.push(part)
    return part
  }
  const close = async (): Promise<void> => {
    for (const part of started.toReversed()) await part.close()
  }
  try {
    const origins = new Map([[EDGE, origin]])
    const stack = keep(await startStack({ policies, port: await twoFreePorts(), state: `${policies}-state`, origins }))
    const everything = keep(await startEverything({ port: 0 }))
    const desk = keep(await startDesk({ port: 0 }))
    const upstream = keep(await startUpstreams({ "/everything/mcp": everything.url, "/desk/mcp": desk.url }))
    keep(
      await startGateway(row, {
        authorizer: stack.origin,
        key: developmentKey(entry.id),
        upstream: upstream.origin,
        host: "127.0.0.1",
        port,
      }),
    )
    const robot = {
      clientId: ROBOT,
      privateKey: { ...privateJwk },
      algorithm: "ES256",
      expectedIssuer: stack.origin,
    }
    return { origin, desk, robot, close }
  } catch (error) {
    await close()
    throw error
  }
}

describe.each(GATEWAYS.map((row) => [row.name, row] as const))("through %s", (_name, row) => {
  const isThere = installed(row)
  if (!isThere) {
    test.skip(`skipped: ${row.name} is not installed`, () => undefined)
    return
  }
  const carriesBodies = entryOf(row.page)["body"] === true
  let scene: Scene
  beforeAll(async () => {
    scene = await setScene(row)
  })
  afterAll(async () => scene.close())

  const oldClient = async (path: string): Promise<OldClient> => {
    const client = new OldClient({ name: "test", version: "1" })
    const authProvider = new OldProvider(scene.robot)
    await client.connect(new OldTransport(new URL(path, scene.origin), { authProvider }))
    return client
  }

  if (carriesBodies) {
    test("the v1 client gets from a 401 to a call, and is told why another does not pass", async () => {
      const client = await oldClient("/everything/mcp")
      const { content } = await client.callTool({ name: "echo", arguments: { message: "hello" } })
      expect(content).toEqual([{ type: "text", text: "Echo: hello" }])
      await expect(client.callTool({ name: "no-such-tool", arguments: {} })).rejects.toThrow(/unknown_tool/)
      await expect(client.callTool({ name: "trigger-long-running-operation", arguments: {} })).rejects.toThrow()
      await client.close()
    })
  } else {
    test("the v1 client, which names no tool in a header, gets a token and no call", async () => {
      await expect(oldClient("/everything/mcp")).rejects.toThrow(/malformed_call/)
    })
  }

  test("the v2 client gets from a 401 to a call, and to none that it was not granted", async () => {
    const authProvider = new PrivateKeyJwtProvider(scene.robot)
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StreamableHTTPClientTransport(new URL("/desk/mcp", scene.origin), { authProvider }))
    const { isError } = await client.callTool({ name: "search", arguments: { query: "printer" } })
    expect(isError ?? false).toBe(false)
    await expect(client.callTool({ name: "no-such-tool", arguments: {} })).rejects.toThrow(/unknown_tool/)
    await expect(client.callTool({ name: "send-mail", arguments: { to: "a@b.example", text: "x" } })).rejects.toThrow()
    await client.close()
  })
})
