/** The scope that a client is told to ask for: what its token has and what the call needs, and nothing that it cannot get. */
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { openTask, type Form } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, type ClientRequest, type GatewayAnswer } from "../harness/gateways.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const JSON_TYPE = { "Content-Type": "application/json" }
const message = (method: string, params: object = {}): Partial<ClientRequest> & { readonly path: string } => ({
  method: "POST",
  path: "/desk/mcp",
  headers: JSON_TYPE,
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
})
const get = (path: string) => ({ path })
const MAIL = { method: "POST", path: "/mail", headers: JSON_TYPE, body: '{"to":"a@example.org"}' }

const bounded = (file: object): Form => ({
  authorization_details: JSON.stringify([
    { type: "narrowgate_call", tools: ["files.read"], actions: ["read"], arguments: { file } },
  ]),
})

interface Case {
  readonly what: string
  readonly agent: "first" | "second"
  readonly opened: Form
  readonly call: Partial<ClientRequest> & { readonly path: string }
  /** Null: none is named. */
  readonly told: string | null
}

const CASES: readonly Case[] = [
  {
    what: "a tool that was not asked for",
    agent: "first",
    opened: { scope: "desk.search:read files.list:read" },
    call: message("tools/call", { name: "pay" }),
    told: "desk.search:read files.list:read desk.pay:write",
  },
  { what: "a tool of no purpose of the task", agent: "first", opened: { purpose: "errand" }, call: MAIL, told: null },
  {
    what: "a tool more sensitive than the purpose allows",
    agent: "first",
    opened: { scope: "files.list:read" },
    call: { method: "DELETE", path: "/files/a" },
    told: null,
  },
  {
    what: "a tool beyond the ceiling of the agent",
    agent: "second",
    opened: { scope: "files.list:read" },
    call: MAIL,
    told: null,
  },
  {
    what: "a session with a server of which it has no tool",
    agent: "first",
    opened: { scope: "files.list:read" },
    call: message("initialize"),
    told: "files.list:read desk.*:read desk.*:write desk.*:execute",
  },
  {
    what: "a session with a server of which it can have no tool",
    agent: "second",
    opened: { scope: "files.list:read" },
    call: message("initialize"),
    told: null,
  },
  {
    what: "an argument beyond the bounds of the purpose",
    agent: "first",
    opened: { purpose: "errand" },
    call: get("/files/b"),
    told: null,
  },
  {
    what: "an argument beyond the bounds of its own request",
    agent: "first",
    opened: bounded({ eq: "a" }),
    call: get("/files/b"),
    told: "files.read:read",
  },
]

const scopeIn = ({ headers }: GatewayAnswer): string | null =>
  / scope="([^"]*)"/.exec(headers.get("WWW-Authenticate") ?? "")?.[1] ?? null
const members = z.object({ scope: z.string().optional() })
/** In the body, by a gateway whose denials stay HTTP. */
function scopeTold({ body }: GatewayAnswer): string | null {
  const json = z.looseObject({ error: z.unknown() }).parse(JSON.parse(body))
  const nested = z.object({ data: members }).safeParse(json.error)
  return (nested.success ? nested.data.data : members.parse(json)).scope ?? null
}

describe.each(["envoy", "traefik"])("through %s", (gateway) => {
  test.each(CASES)("$what: $told", async ({ agent, opened, call, told }) => {
    const { token } = await openTask(agent, opened)
    const answer = await callWith(token, call.path, call, gateway)
    expect(answer.code).toBe("insufficient_scope")
    expect(scopeIn(answer)).toBe(told)
    // Without one, nothing invites the client to ask.
    expect(answer.headers.has("WWW-Authenticate")).toBe(told !== null)
    if (gateway === "traefik") expect(scopeTold(answer)).toBe(told)
  })
})

test.each(CASES.filter(({ told }) => told !== null))(
  "$what: a token with the scope that is named covers the call, and what the other covered",
  async ({ agent, opened, call }) => {
    const { token } = await openTask(agent, opened)
    const scope = scopeIn(await callWith(token, call.path, call)) ?? ""
    const next = await openTask(agent, { scope })
    expect((await callWith(next.token, call.path, call)).code).not.toBe("insufficient_scope")
    const had = new Set((await openTask(agent, opened)).scope.split(" "))
    expect(had.isSubsetOf(new Set(next.scope.split(" ")))).toBe(true)
  },
)

test("in an environment of neither purpose nor ceiling, none is named", async () => {
  const { token } = await openTask("first", { purpose: "errand", scope: "files.list:read" })
  const at = async (gateway: string) => {
    const answer = await callWith(token, "/files/a", {}, gateway)
    return [answer.code, scopeIn(answer)]
  }
  expect(await at("envoy")).toEqual(["insufficient_scope", "files.list:read files.read:read"])
  expect(await at("live")).toEqual(["insufficient_scope", null])
})

test("for a session with a server, what the purpose gives there unasked is named", async () => {
  const body = await yard()
  const unasked = { default: ["files.*:read", "desk.search:read"] }
  const purposes = body.purposes.map((each) => (each.name === "work" ? { ...each, ...unasked } : each))
  await publish({ ...body, purposes }, 2)
  const { token } = await openTask("first", { scope: "files.list:read" })
  expect(scopeIn(await callWith(token, "/desk/mcp", message("initialize")))).toBe("files.list:read desk.search:read")
})

test("for a session with a server, no more is named than the ceiling has there", async () => {
  const body = await yard()
  const agents = body.agents.map((each) =>
    each.id.endsWith("/first")
      ? { ...each, ceiling: { ...each.ceiling, tools: ["files.*:read", "desk.pay:write"] } }
      : each,
  )
  await publish({ ...body, agents }, 2)
  const { token } = await openTask("first", { scope: "files.list:read" })
  expect(scopeIn(await callWith(token, "/desk/mcp", message("initialize")))).toBe("files.list:read desk.*:write")
})

test("what no rule lets it have is not named", async () => {
  const body = await yard()
  const forbidden = body.rules.filter(({ id }) => id !== "delegable")
  await publish({ ...body, rules: forbidden }, 2)
  const { token } = await openTask("first", { scope: "files.list:read" })
  const answer = await callWith(token, "/forbidden")
  expect([answer.code, scopeIn(answer)]).toEqual(["insufficient_scope", null])
})

test("to a model it is said in words, and the record says what was needed alone", async () => {
  const { token } = await openTask("second", { scope: "files.list:read" })
  const answer = await callWith(token, "/desk/mcp", message("initialize"))
  expect(answer.headers.get("X-Narrowgate-Status")).toBe("200")
  expect(answer.body).toContain("No token for its purpose would")
  expect(await recordOf(answer.decision)).toMatchObject({
    denial: { reason: "tool_not_granted", scope: "desk.mcp.initialize:read" },
  })
})

test("a scope that no header holds is left out but for what the call needs", async () => {
  const body = await yard()
  const names = Array.from({ length: 40 }, (_, index) => `desk.${"x".repeat(60)}-${index}`)
  const tool = body.tools.find(({ name }) => name === "desk.search")
  const stored = body.entities.find(({ uid }) => uid.id === "desk.search")
  if (!tool || !stored) throw new Error("the tool is not there")
  const tools = [...body.tools, ...names.map((name) => ({ ...tool, name }))]
  const entities = [...body.entities, ...names.map((id) => ({ ...stored, uid: { ...stored.uid, id } }))]
  await publish({ ...body, tools, entities }, 2)
  const { token, scope } = await openTask("first", { scope: names.map((name) => `${name}:read`).join(" ") })
  expect(scope.length).toBeGreaterThan(2_048)
  const answer = await callWith(token, "/desk/mcp", message("tools/call", { name: "pay" }))
  expect(scopeIn(answer)).toBe("desk.pay:write")
})
