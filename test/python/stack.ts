/**
 * The local stack for the tests of `clients/python`: the real Worker behind two gateways of its own, one that answers
 * MCP clients in their words and one that does not, with the demo's servers behind both; and what a test cannot do
 * itself: sessions of users, identities of agents, people who decide on approvals.
 */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type IncomingMessage } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { exportJWK, generateKeyPair } from "jose"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { login, workloadIdentity } from "../../cli/remote/local-stack-login.ts"
import { CONSOLE_CLIENT } from "../../cli/remote/local-stack.ts"
import { developmentKey } from "../../cli/remote/local-stack-policies.ts"
import { DEMO_PORTS } from "../../dev/demo-ports.ts"
import { startGateway } from "../../dev/gateway.ts"
import { listen, twoFreePorts, freePort, type Listening } from "../../dev/loopback.ts"
import { PoliciesRefused, startStack } from "../../dev/stack.ts"
import { startApi, startBilling, startDesk, startEverything } from "../../dev/upstreams.ts"

const ROOT = join(import.meta.dirname, "../..")
const EDGE = `http://127.0.0.1:${DEMO_PORTS.edge}`
const WEB = `http://127.0.0.1:${DEMO_PORTS.web}`
const FORWARD = "http://127.0.0.1:8099"
/** Approvals appear in an inbox a moment after the agent got its answer. */
const PATIENCE_MS = 5_000

/** Agents like the first, so that no test meets the pace at which one may open tasks for one person. */
const SUPPORT = ["support", "support-b", "support-c", "support-d"].map((name) => `spiffe://example.org/agent/${name}`)

/** An agent that signs its own assertions. */
const ROBOT = "https://agents.example/robot"

const RULES = `
@id("engineers-help-out")
permit (
  principal in UserGroup::"engineering",
  action in [Action::"read", Action::"write", Action::"delegate"],
  resource
);

@id("customers-need-a-fresh-login")
@remedy("step-up:mfa;max_age=600")
forbid (principal, action == Action::"read", resource == Tool::"crm.customers.get")
unless { context has session && context.session has acr && context.session.acr == "mfa" };

@id("searches-are-approved")
@remedy("approval:refunds")
forbid (principal, action == Action::"read", resource == Tool::"desk.search")
unless { context.approvals.contains("refunds") };

@id("replies-need-consent")
@remedy("approval:user")
forbid (principal, action == Action::"delegate", resource == Tool::"crm.tickets.reply")
unless { context.approvals.contains("user") };
`

export interface PythonStack extends Listening {
  /** What the tests are told, as JSON: no secret of anything but this stack. */
  readonly order: Readonly<Record<string, unknown>>
}

export async function startPythonStack(): Promise<PythonStack> {
  const parting = new AsyncDisposableStack()
  const keep = <Part extends Pick<Listening, "close">>(part: Part): Part =>
    parting.adopt(part, async (each) => each.close())
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-python-"))
  parting.defer(async () => rm(directory, { recursive: true, force: true }))
  try {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
    const policies = join(directory, "policies")
    await cp(join(ROOT, "policies"), policies, { recursive: true })
    await adapt(policies, await exportJWK(publicKey))
    const [edgePort, forwardPort] = [await freePort(), await freePort()]
    const at = (port: number): string => `http://127.0.0.1:${port}`
    const stack = keep(
      await startStack({
        policies,
        port: await twoFreePorts(),
        state: join(directory, "state"),
        origins: new Map([
          [EDGE, at(edgePort)],
          [FORWARD, at(forwardPort)],
        ]),
      }),
    )
    const [api, billing, desk, everything] = [
      keep(await startApi({ port: 0 })),
      keep(await startBilling({ port: 0 })),
      keep(await startDesk({ port: 0 })),
      keep(await startEverything({ port: 0 })),
    ]
    const routes = [
      { prefix: "/billing/mcp", upstream: billing.url, server: "billing" },
      { prefix: "/everything/mcp", upstream: everything.url, server: "everything" },
      { prefix: "/crm", upstream: `${api.url}/crm` },
      { prefix: "/mail", upstream: `${api.url}/mail` },
    ]
    const authorizer = (id: string) => ({ origin: stack.origin, key: developmentKey(id) })
    const edge = keep(
      await startGateway({
        port: edgePort,
        id: "edge",
        authorizer: { ...authorizer("edge"), dialect: "envoy" },
        routes,
      }),
    )
    const forward = keep(
      await startGateway({
        port: forwardPort,
        id: "forward",
        authorizer: { ...authorizer("forward"), dialect: "traefik" },
        routes: [{ prefix: "/desk/mcp", upstream: desk.url, server: "desk" }],
      }),
    )
    const people = keep(await startPeople(stack.origin, stack.provider))
    const order = {
      issuer: stack.origin,
      gateway: edge.origin,
      plain: forward.origin,
      people: people.origin,
      support: SUPPORT,
      robot: ROBOT,
      key: await exportJWK(privateKey),
    }
    return { origin: stack.origin, order, close: async () => parting.disposeAsync() }
  } catch (error) {
    await parting.disposeAsync()
    // What is written here is wrong: its problems say where.
    if (error instanceof PoliciesRefused) {
      throw new Error(JSON.stringify(error.published.compiled.problems), { cause: error })
    }
    throw error
  }
}

type Entry = Record<string, unknown>
const file = z.record(z.string(), z.array(z.looseObject({})))

async function adapt(policies: string, key: object): Promise<void> {
  const edit = async (name: string, change: (lists: Record<string, Entry[]>) => void): Promise<void> => {
    const lists = file.parse(parse(await readFile(join(policies, name), "utf8")))
    change(lists)
    await writeFile(join(policies, name), stringify(lists))
  }
  await edit("gateways.yaml", ({ gateways = [] }) => {
    for (const gateway of gateways) {
      if (gateway["id"] === "edge") gateway["denials"] = "mcp"
      if (gateway["id"] === "forward") gateway["origins"] = [FORWARD]
    }
  })
  await edit("agents.yaml", ({ purposes = [], agents = [] }) => {
    purposes.push({
      name: "errand",
      grant: { tools: ["everything.*:read", "crm.tickets.*:read"], max_sensitivity: "internal", calls: 50 },
      life: 600,
      user: "optional",
    })
    agents.push({
      id: ROBOT,
      identities: [{ keys: { jwks: { keys: [key] } }, algorithms: ["ES256"] }],
      owner: "interop",
      groups: ["support"],
      ceiling: {
        tools: ["everything.*:read", "crm.tickets.*:read", "billing.*:read", "billing.refund:write"],
        max_sensitivity: "confidential",
      },
      purposes: ["errand", "refund-order"],
    })
    const support = agents.find((agent) => agent["id"] === SUPPORT[0])
    agents.push(...SUPPORT.slice(1).map((id) => ({ ...support, id })))
    const bound = agents.find((agent) => agent["bound_key"])
    Object.assign(bound ?? {}, { delegates_to: ["spiffe://example.org/agent/researcher"], depth: 1 })
  })
  const catalog = join(policies, "catalog.yaml")
  await writeFile(catalog, (await readFile(catalog, "utf8")).replaceAll(WEB, FORWARD))
  await appendFile(join(policies, "limits.cedar"), RULES)
}

const inbox = z.object({ approvals: z.array(z.looseObject({ id: z.string(), task: z.string() })) })

/** Answers `GET /session` and `/identity`; `/consent`, `/approve` and `/reject`, each for a task. */
async function startPeople(narrowgate: string, provider: string): Promise<Listening> {
  const answers = new Map<string, (parameters: URLSearchParams) => Promise<string>>([
    [
      "/session",
      async (parameters) => {
        const secondFactor = parameters.has("second_factor")
        return (await login({ origin: provider, user: parameters.get("user") ?? "", secondFactor })).access_token
      },
    ],
    [
      "/identity",
      async (parameters) =>
        workloadIdentity({
          origin: provider,
          id: parameters.get("agent") ?? "",
          audience: parameters.get("audience") ?? "",
        }),
    ],
    ["/consent", async (parameters) => consent(narrowgate, provider, parameters)],
    ["/approve", async (parameters) => decide(narrowgate, provider, parameters.get("task") ?? "", true)],
    ["/reject", async (parameters) => decide(narrowgate, provider, parameters.get("task") ?? "", false)],
  ])
  const server = createServer(async (request: IncomingMessage, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", narrowgate)
    const answer = answers.get(pathname) ?? (async () => Promise.reject(new Error("no such page")))
    const [status, text] = await answer(searchParams).then(
      (value) => [200, value] as const,
      (error: unknown) => [500, String(error)] as const,
    )
    response.writeHead(status, { "content-type": "text/plain" }).end(text)
  })
  return listen(server, 0)
}

/** The user answers what `on_consent` got. */
async function consent(narrowgate: string, provider: string, parameters: URLSearchParams): Promise<string> {
  const user = parameters.get("user") ?? ""
  const { access_token: token } = await login({ origin: provider, user, client: CONSOLE_CLIENT })
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const url = `${narrowgate}/v1/approvals/${parameters.get("task") ?? ""}`
  const body = JSON.stringify({ decision: parameters.get("decision") })
  const { status } = await fetch(url, { method: "POST", headers, body })
  if (status !== 200) throw new Error(`the request for consent was answered by ${status}`)
  return ""
}

async function decide(narrowgate: string, provider: string, task: string, approve: boolean): Promise<string> {
  const { access_token: token } = await login({ origin: provider, user: "olivia", client: CONSOLE_CLIENT })
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; await sleep(100)) {
    const { approvals } = inbox.parse(await (await fetch(`${narrowgate}/v1/approvals`, { headers })).json())
    const asked = approvals.find((each) => each.task === task)
    if (!asked) continue
    const url = `${narrowgate}/v1/tasks/${task}/approvals/${asked.id}`
    const { status } = await fetch(url, { method: "POST", headers, body: JSON.stringify({ approve }) })
    if (status !== 200) throw new Error(`the approval was answered by ${status}`)
    return asked.id
  }
  throw new Error(`no approval of ${task} is pending`)
}
