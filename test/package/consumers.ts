/** Programs that use the package, as text: here there is no package of that name to import. */

/** By entry: what has to compile with each set of types alone. */
export const CONSUMERS: Readonly<Record<string, string>> = {
  client: `
import {
  ConsentRequiredError,
  DeniedError,
  denialOf,
  fromFile,
  mcpAuthProvider,
  NarrowgateError,
  openTask,
  resumeTask,
  toModel,
  untilAllowed,
  withNarrowgate,
  type Identity,
  type SavedTask,
  type Task,
} from "narrowgate/client"

const identity: Identity = async ({ audience, signal }) => (await fetch(audience, { signal })).text()

export async function work(saved: SavedTask | null): Promise<string> {
  const issuer = "https://authz.example"
  const task: Task = saved
    ? await resumeTask(saved, { identity: fromFile("/run/identity"), fetch: async (input, init) => fetch(input, init) })
    : await openTask({
        issuer,
        identity,
        session: () => "token",
        purpose: "triage",
        authorizationDetails: [
          { type: "narrowgate_call", tools: ["a.b"], actions: ["read"], arguments: { to: { like: "*@a.example" } } },
        ],
        onConsent: ({ url, scope, expiresAt }) => console.log(url, scope, expiresAt + 1),
        dpop: true,
      })
  try {
    const answer = await untilAllowed(async () => task.fetch("https://api.example/crm", { method: "POST", body: "{}" }), {
      task,
      onApproval: ({ url, expiresAt = 0 }) => console.log(url, expiresAt + 1),
      signal: AbortSignal.timeout(1_000),
      maxWait: 60_000,
    })
    const denial = await denialOf(answer)
    if (denial) return toModel(denial)
    const below = await task.delegate({ id: "agent", identity }, "a.b:read")
    await below.complete()
    const { echo } = withNarrowgate({ echo: { execute: async (given: { message: string }) => given.message } }, task)
    const { access_token } = await mcpAuthProvider(task).tokens()
    return (await echo.execute({ message: access_token })) + (await task.token()) + JSON.stringify(await task.save())
  } catch (error) {
    if (error instanceof DeniedError) return error.denial.code
    if (error instanceof ConsentRequiredError) return error.authorizationEndpoint ?? error.scope
    if (error instanceof NarrowgateError && error.code === "token_refused") return error.refusal?.error ?? ""
    throw error
  } finally {
    await task[Symbol.asyncDispose]()
  }
}
`,
  testing: `
import {
  assertAllowed,
  assertDenied,
  narrowgateWorker,
  startNarrowgate,
  TaskDenied,
  type Decision,
} from "narrowgate/testing"
import { narrowgateBehind } from "narrowgate/testing/pool"

export async function tryPolicies(): Promise<Decision> {
  await using ng = await startNarrowgate({ policies: "policies", users: { alice: { groups: ["support"] } } })
  const task = await ng.task({ user: "alice", agent: "support", scope: ["mail.send:write"] })
  const denied = await ng.call(task, "mail.send", { to: "bob@example.org" })
  assertDenied(denied, "policy_denied")
  await ng.approve(denied, { as: { subject: "olivia", groups: ["operations"] } })
  const gateway = await ng.gateway("edge", { upstream: "http://127.0.0.1:9000" })
  await ng.deny(gateway.calls()[0] ?? gateway.url, { as: "olivia" })
  const time: Date = await ng.clock.advance("10 minutes")
  const [record] = await ng.records(task)
  const code: string | undefined = record?.code
  const definition: { readonly name: string } = await narrowgateWorker({ policies: "policies" })
  const other = await narrowgateBehind({})
  const inPool: typeof fetch = other.gateway("edge", async (request) => new Response(request.url)).fetch
  await inPool(other.url)
  const retry: string = denied.headers["retry-after"] ?? ""
  if (time.getTime() > 0 && code === definition.name) throw new TaskDenied("access_denied", retry, null)
  const allowed = await ng.call(task, "mail.send", { to: "a@example.org" })
  assertAllowed(allowed)
  return allowed
}
`,
  "testing/pool": `
import { assertAllowed, narrowgateBehind } from "narrowgate/testing/pool"

export async function tryPolicies(env: { readonly NARROWGATE: object }): Promise<void> {
  const narrowgate = await narrowgateBehind(env.NARROWGATE)
  const task = await narrowgate.task({ user: { subject: "alice" }, agent: "agent" })
  assertAllowed(await narrowgate.call(task, "mail.send"))
}
`,
  server: `
import {
  authorizerOf,
  bindingDecisions,
  callerOf,
  CallRejectedError,
  expressMiddleware,
  gatekeeper,
  guardTool,
  honoMiddleware,
  httpDecisions,
  memoryReplays,
  rejectionAnswer,
  transactionTokens,
  type Authorizer,
  type Caller,
  type ServiceBinding,
  type ServiceOptions,
  type WorkerAnswer,
} from "narrowgate/server"

const options: ServiceOptions = {
  issuer: "https://authz.example",
  audience: "api.internal.example",
  tools: {
    "crm.tickets.get": "GET /crm/tickets/{ticket}",
    "crm.tickets.note": { methods: ["POST"], path: "/crm/tickets/{ticket}/notes", integers: ["ticket"] },
  },
  servers: [{ name: "everything", path: "/mcp" }],
  replays: memoryReplays(),
  fetch: async (url, init) => fetch(url, init),
}

declare const hono: {
  use(handler: (c: { req: { raw: Request; arrayBuffer(): Promise<ArrayBuffer> } }, next: () => Promise<void>) => unknown): void
}
hono.use(honoMiddleware(options))
hono.use(honoMiddleware({ trust: "network", tools: { "crm.tickets.get": "GET /crm/tickets/{ticket}" } }))
export const handler = expressMiddleware(options)

export async function check(request: Request): Promise<Caller | null> {
  try {
    const { pathname } = new URL(request.url)
    return await gatekeeper(options)({
      method: request.method,
      target: pathname,
      header: (name) => request.headers.get(name),
      body: async () => ({ kind: "whole", text: await request.text() }),
    })
  } catch (error) {
    if (error instanceof CallRejectedError && error.code === "expired_token") return null
    const { status, headers, body } = rejectionAnswer(error)
    console.log(new Response(JSON.stringify(body), { status, headers: { ...headers } }))
    throw error
  }
}

export async function verify(token: string): Promise<string | undefined> {
  const { caller } = await transactionTokens({ issuer: "https://authz.example", audience: "a" }).verify(token)
  const { user, signed }: Caller = caller
  return user === null ? signed?.chain[0] : user.subject
}

declare const env: { readonly NARROWGATE: ServiceBinding }
const authorizer: Authorizer = authorizerOf(env.NARROWGATE)
const answer: Promise<WorkerAnswer> = authorizer.authorize({
  key: "k",
  method: "POST",
  url: "https://api.example/mcp",
  headers: [["Authorization", "Bearer t"]],
  body: new Uint8Array(2),
})
const decisions = [
  bindingDecisions({ authorizer, key: "k", endpoint: "https://api.example/mcp", onFailure: (cause) => console.error(cause) }),
  httpDecisions({ url: "https://authz.example", key: "k", timeout: 2_000, fetch: async (url, init) => fetch(url, init) }),
] as const
export const tool = guardTool(decisions[0], "everything.echo", async (given: { message: string }, context: object) => {
  return { said: given.message, by: callerOf(context).agent, answer: await answer }
})
`,
}

/** The same by the real frameworks and SDKs. */
export const FRAMEWORKS = `
import { McpServer as NewServer } from "@modelcontextprotocol/server"
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import express from "express"
import { Hono } from "hono"
import { callerOf, expressMiddleware, guardList, guardTool, honoMiddleware, httpDecisions, type ServiceOptions } from "narrowgate/server"
import { z } from "zod"

declare const options: ServiceOptions
const app = new Hono<{ Variables: { own: string } }>()
app.use(honoMiddleware(options))
app.use("/crm/*", honoMiddleware(options))
app.get("/crm/:ticket", honoMiddleware(options), (c) => c.json({ agent: callerOf(c).agent, own: c.get("own") }))

const service = express()
service.use(expressMiddleware(options))
service.get("/crm/:ticket", expressMiddleware(options), (request, response) => {
  response.json(callerOf(request))
})

const decisions = httpDecisions({ url: "https://authz.example", key: "k" })
const inputSchema = z.object({ message: z.string() })
const say = (text: string) => ({ content: [{ type: "text" as const, text }] })
guardList(decisions, "a", new NewServer({ name: "a", version: "1" })).registerTool(
  "echo",
  { inputSchema },
  guardTool(decisions, "a.echo", async ({ message }, context) => say(message + callerOf(context).agent)),
)
guardList(decisions, "a", new OldServer({ name: "a", version: "1" })).registerTool(
  "echo",
  { inputSchema: inputSchema.shape },
  guardTool(decisions, "a.echo", async ({ message }, extra) => say(message + callerOf(extra).agent)),
)
`
