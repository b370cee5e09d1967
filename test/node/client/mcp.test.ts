/** The official clients of MCP in both generations, given a task in each of the ways that they take one. */
import { Client, StreamableHTTPClientTransport, type OAuthClientProvider } from "@modelcontextprotocol/client"
import type { OAuthClientProvider as OldProvider } from "@modelcontextprotocol/sdk/client/auth.js"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { denialOf, mcpAuthProvider, untilAllowed, type Task } from "../../../client/index.ts"
import { startAgents, VAULT, type Agents } from "./stage.ts"

let agents: Agents
beforeAll(async () => {
  agents = await startAgents()
}, 60_000)
afterAll(async () => agents.close())

interface Connected {
  readonly callTool: (call: { name: string; arguments: Record<string, unknown> }) => Promise<unknown>
  readonly close: () => Promise<void>
}

type Connect = (server: string, task: Task, by?: typeof fetch) => Promise<Connected>

const CLIENTS: Readonly<Record<string, Connect>> = {
  "1, by fetch": async (server, task) => {
    const client = new OldClient({ name: "test", version: "1" })
    await client.connect(new OldTransport(new URL(server), { fetch: task.fetch }))
    return client
  },
  "1, by an auth provider": async (server, task, by) => {
    const authProvider: OldProvider = mcpAuthProvider(task)
    const client = new OldClient({ name: "test", version: "1" })
    await client.connect(new OldTransport(new URL(server), { authProvider, ...(by && { fetch: by }) }))
    return client
  },
  "2, by fetch": async (server, task) => {
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StreamableHTTPClientTransport(new URL(server), { fetch: task.fetch }))
    return client
  },
  "2, by an auth provider": async (server, task, by) => {
    const authProvider: OAuthClientProvider = mcpAuthProvider(task)
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StreamableHTTPClientTransport(new URL(server), { authProvider, ...(by && { fetch: by }) }))
    return client
  },
}

const outcome = async (work: Promise<unknown>): Promise<unknown> => work.catch((thrown: unknown) => thrown)

describe.each(Object.entries(CLIENTS))("generation %s", (_, connect) => {
  const at = (path: string): string => agents.edge.origin + path

  test("calls, is denied in words, waits for a person", async () => {
    await using task = await agents.open({ purpose: "refund-order", scope: "billing.*:read billing.refund:write" })
    const client = await connect(at("/billing/mcp"), task)
    const refund = async (amount: number): Promise<unknown> =>
      client.callTool({ name: "refund", arguments: { order: "o-1", amount } })
    expect(await denialOf(await refund(100))).toBeUndefined()
    expect(await denialOf(await refund(30_000))).toMatchObject({
      code: "approval_required",
      decision: expect.stringMatching(/^dec_/),
      approval: { task: task.id, status: "pending", name: "refunds", expiresAt: expect.any(Number) },
    })
    const onApproval = async (approval: { task: string; id: string }): Promise<void> => agents.decide(approval, true)
    const approved = await untilAllowed(async () => refund(30_000), { task, onApproval })
    expect(JSON.stringify(approved)).toContain("30000")
    await client.close()
  })

  test("waits for a limit", async () => {
    await using task = await agents.open()
    const client = await connect(at("/everything/mcp"), task)
    const echo = async (): Promise<unknown> => client.callTool({ name: "echo", arguments: { message: "hi" } })
    const seen = [await echo(), await echo(), await echo(), await echo()]
    expect(await denialOf(seen[3])).toMatchObject({ code: "rate_limited", retryAfter: expect.any(Number) })
    expect(JSON.stringify(await untilAllowed(echo, { task }))).toContain("hi")
    await client.close()
  })

  test("does not go on when the task has ended", async () => {
    const task = await agents.open()
    const client = await connect(at("/everything/mcp"), task)
    await task.complete()
    const call = client.callTool({ name: "echo", arguments: { message: "hi" } })
    expect(await outcome(call)).toMatchObject({ message: expect.stringContaining("the task has been completed") })
    await client.close()
  })
})

describe.each(Object.entries(CLIENTS).filter(([name]) => name.includes("provider")))("generation %s", (_, connect) => {
  test("gets another token if the first is not accepted, from the task's own issuer alone", async () => {
    await using task = await agents.open()
    const first = await task.token()
    let refusals = 0
    const asked = new Set<string>()
    const by: typeof fetch = async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : String(input))
      asked.add(url.origin)
      const token = new Headers(init?.headers).get("authorization")
      if (token === `Bearer ${first}` && refusals++ === 0) {
        const challenge = 'Bearer error="invalid_token", resource_metadata="http://127.0.0.1:1/elsewhere"'
        return new Response("", { status: 401, headers: { "www-authenticate": challenge } })
      }
      // The metadata of the resource is what the server says, and may say anything.
      if (url.port === "1") {
        const resource = `${agents.edge.origin}/everything/mcp`
        return Response.json({ resource, authorization_servers: ["http://127.0.0.1:2"] })
      }
      return fetch(input, init)
    }
    const client = await connect(`${agents.edge.origin}/everything/mcp`, task, by)
    const said = await client.callTool({ name: "echo", arguments: { message: "hi" } })
    expect(JSON.stringify(said)).toContain("hi")
    expect([refusals, (await task.token()) === first, asked.has("http://127.0.0.1:2")]).toEqual([1, false, false])
    await client.close()
  })
})

test("a bound task is no auth provider", async () => {
  await using task = await agents.open({ identity: agents.svid(VAULT), dpop: true })
  expect(() => mcpAuthProvider(task)).toThrow(TypeError)
})

test("the agent's proof goes to no other token endpoint", async () => {
  await using task = await agents.open()
  const provider = mcpAuthProvider(task)
  const form = new URLSearchParams()
  const elsewhere = provider.addClientAuthentication(new Headers(), form, "http://127.0.0.1:2/oauth/token")
  await expect(elsewhere).rejects.toMatchObject({ code: "issuer_invalid" })
  expect([...form]).toEqual([])
})

test("a dialog that the client asks its user for is found", async () => {
  await using task = await agents.open({ purpose: "refund-order", scope: "billing.*:read billing.refund:write" })
  const client = new Client(
    { name: "test", version: "1" },
    { capabilities: { elicitation: { url: {} } }, versionNegotiation: { mode: "auto" } },
  )
  client.setRequestHandler("elicitation/create", async () => ({ action: "cancel" }))
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${agents.edge.origin}/billing/mcp`), { fetch: task.fetch }),
  )
  const call = client.callTool({ name: "refund", arguments: { order: "o-1", amount: 40_000 } })
  const denial = await denialOf(await outcome(call))
  expect(denial).toMatchObject({ code: "approval_required", approval: { status: "pending", task: task.id } })
  await client.close()
})
