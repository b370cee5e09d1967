/**
 * Clients of MCP that nobody here wrote, of both generations: from a 401 through the metadata (RFC 9728, RFC 8414) to a
 * token by `client_credentials`, and to a call. They name no purpose and no scope: the agent's first purpose is theirs.
 */
import { Client, PrivateKeyJwtProvider, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { PrivateKeyJwtProvider as OldProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { decodeJwt } from "jose"
import { afterAll, beforeAll, expect, test } from "vitest"
import { ROBOT, startStage, type Stage } from "./robot.ts"

let stage: Stage
beforeAll(async () => {
  stage = await startStage()
}, 60_000)
afterAll(async () => stage.close())

const robot = () => ({
  clientId: ROBOT,
  privateKey: { ...stage.privateJwk },
  algorithm: "ES256",
  expectedIssuer: stage.stack.origin,
})

test("the v1 client gets from a 401 to a call of server-everything", async () => {
  const authProvider = new OldProvider(robot())
  const client = new OldClient({ name: "test", version: "1" })
  const transport = new OldTransport(new URL("/everything/mcp", stage.edge.origin), { authProvider })
  await client.connect(transport)
  const { content } = await client.callTool({ name: "echo", arguments: { message: "hello" } })
  expect(content).toEqual([{ type: "text", text: "Echo: hello" }])
  const claims = decodeJwt(authProvider.tokens()?.access_token ?? "")
  expect(claims).toMatchObject({ iss: stage.stack.origin, client_id: ROBOT, aud: stage.edge.origin, purpose: "errand" })
  await client.close()
})

test("the v2 client gets from a 401 to a call of a server of its own generation", async () => {
  const authProvider = new PrivateKeyJwtProvider(robot())
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
  await client.connect(new StreamableHTTPClientTransport(new URL("/desk/mcp", stage.web.origin), { authProvider }))
  const { isError } = await client.callTool({ name: "search", arguments: { query: "printer" } })
  expect(isError ?? false).toBe(false)
  const claims = decodeJwt(authProvider.tokens()?.access_token ?? "")
  expect(claims).toMatchObject({ client_id: ROBOT, aud: stage.web.origin, purpose: "errand" })
  await client.close()
})

test("a client that is nobody's agent gets no token", async () => {
  const authProvider = new OldProvider({ ...robot(), clientId: "https://agents.example/nobody" })
  const client = new OldClient({ name: "test", version: "1" })
  const transport = new OldTransport(new URL("/everything/mcp", stage.edge.origin), { authProvider })
  await expect(client.connect(transport)).rejects.toThrow()
  expect(authProvider.tokens()).toBeUndefined()
})
