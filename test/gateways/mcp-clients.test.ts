/**
 * Clients of MCP that nobody here wrote, of both generations, through real gateways: from a 401 through the metadata
 * (RFC 9728, RFC 8414) to a token by `client_credentials`, to a call that passes and to calls that do not.
 */
import { Client, PrivateKeyJwtProvider, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { PrivateKeyJwtProvider as OldProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { ROBOT } from "../node/interop/robot.ts"
import { entryOf } from "./page.ts"
import { setScene, type Scene } from "./scene.ts"
import { installed } from "./start.ts"
import { GATEWAYS } from "./table.ts"

describe.each(GATEWAYS.map((row) => [row.name, row] as const))("through %s", (_name, row) => {
  const isThere = installed(row)
  if (!isThere) {
    test.skip(`skipped: ${row.name} is not installed`, () => undefined)
    return
  }
  const entry = entryOf(row.page)
  const carriesBodies = entry["body"] === true
  const answersMessages = entry["denials"] === "mcp"
  let scene: Scene
  beforeAll(async () => {
    scene = await setScene({ row })
  })
  afterAll(async () => scene.close())

  /** Where the gateway gives it an answer such as its server would, the model reads it; else it ends in an exception. */
  const expectDenied = async (call: Promise<unknown>, code: string): Promise<void> => {
    if (!answersMessages) return expect(call).rejects.toThrow(code)
    const text = expect.stringContaining(`(${code}, decision dec_`)
    expect(await call).toMatchObject({ isError: true, content: [{ type: "text", text }] })
  }

  const robot = (): ConstructorParameters<typeof PrivateKeyJwtProvider>[0] => ({
    clientId: ROBOT,
    privateKey: { ...scene.robot.privateJwk },
    algorithm: "ES256",
    expectedIssuer: scene.stack.origin,
  })

  const oldClient = async (path: string): Promise<OldClient> => {
    const client = new OldClient({ name: "test", version: "1" })
    const authProvider = new OldProvider(robot())
    await client.connect(new OldTransport(new URL(path, scene.origin), { authProvider }))
    return client
  }

  if (carriesBodies) {
    test("the v1 client gets from a 401 to a call, and is told why another does not pass", async () => {
      const client = await oldClient("/everything/mcp")
      const { content } = await client.callTool({ name: "echo", arguments: { message: "hello" } })
      expect(content).toEqual([{ type: "text", text: "Echo: hello" }])
      await expectDenied(client.callTool({ name: "no-such-tool", arguments: {} }), "unknown_tool")
      const outside = client.callTool({ name: "trigger-long-running-operation", arguments: {} })
      await expectDenied(outside, "insufficient_scope")
      await client.close()
    })
  } else {
    test("the v1 client, which names no tool in a header, gets a token and no call", async () => {
      await expect(oldClient("/desk/mcp")).rejects.toThrow(/malformed_call/)
    })
  }

  test("the v2 client gets from a 401 to a call, and to none that it was not granted", async () => {
    const authProvider = new PrivateKeyJwtProvider(robot())
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StreamableHTTPClientTransport(new URL("/desk/mcp", scene.origin), { authProvider }))
    const { isError } = await client.callTool({ name: "search", arguments: { query: "printer" } })
    expect(isError ?? false).toBe(false)
    await expectDenied(client.callTool({ name: "no-such-tool", arguments: {} }), "unknown_tool")
    const outside = client.callTool({ name: "send-mail", arguments: { to: "a@b.example", text: "x" } })
    await expectDenied(outside, "insufficient_scope")
    await client.close()
  })
})
