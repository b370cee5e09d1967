/**
 * What a client meets: the demo's MCP servers behind a gateway, and Narrowgate, which knows each client by a document of
 * its own; people at their browsers; somebody who approves.
 */
import { appendFile, chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer as createHttpServer } from "node:http"
import { createServer } from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { text } from "node:stream/consumers"
import { z } from "zod"
import { login } from "../../cli/remote/local-stack-login.ts"
import { CONSOLE_CLIENT } from "../../cli/remote/local-stack.ts"
import { listen, type Listening } from "../../dev/loopback.ts"
import { startApi } from "../../dev/upstreams.ts"
import { PoliciesRefused } from "../../dev/stack.ts"
import { setScene, type Scene } from "../gateways/scene.ts"
import { envoy } from "../gateways/rows/envoy.ts"
import { installed } from "../gateways/start.ts"
import { allowsAll, walkTo } from "../node/interop/at-browser.ts"
import { ROBOT } from "../node/interop/robot.ts"
import { stringify } from "yaml"
import { edit } from "./policies.ts"

export interface World extends Scene {
  /** Of the gateway. */
  readonly name: string
  /** The document, and thus the id, of a client. */
  readonly document: (client: string) => string
  /** The URL to which one posts a link that somebody is to open; answers where that has led them. */
  readonly clipboard: (user: string) => string
  /** A program that opens a link in somebody's browser, as BROWSER names one. */
  readonly browser: (user: string) => string
  /** Somebody who may do so approves the one call for which this client has been told to wait. */
  readonly approve: (client: string) => Promise<void>
}

export interface Resident {
  readonly name: string
  readonly redirects?: readonly string[]
  readonly registersAs?: string
}

/** Reading is granted unasked; sending is what a client has to obtain more scope for. */
const PURPOSE = {
  name: "desk-mail",
  grant: {
    tools: ["desk.*:read", "desk.send-mail:write", "everything.*:read", "crm.tickets.*:read"],
    max_sensitivity: "confidential",
    calls: 100,
  },
  default: ["desk.*:read", "everything.*:read", "crm.tickets.*:read"],
  life: 3600,
}

/** Groups in which the demo's other people are. Alice is in `support`. */
const GROUPS = ["engineering", "operations"]

/** The tickets that are not for reading just so. */
export const CLOSED = "13"
export const ASKED = "99"

/** Of the server that has more than tools. */
export const DOCUMENT = "demo://resource/static/document/architecture.md"
export const PROMPT = "simple-prompt"

const ENTRIES = [
  { name: "everything.documents", resource: "demo://resource/static/document/{name}" },
  { name: `everything.${PROMPT}`, prompt: PROMPT },
].map((each) => ({ ...each, action: "read", sensitivity: "public", groups: ["support-desk"] }))

const RULES = `
@id("closed-tickets-stay-closed")
forbid (principal, action == Action::"read", resource == Tool::"desk.read-ticket")
when { context.arguments has ticket && context.arguments.ticket == "${CLOSED}" };

@id("some-tickets-are-asked-for")
@remedy("approval:tickets")
forbid (principal, action == Action::"read", resource == Tool::"desk.read-ticket")
unless { context.arguments has ticket && (context.arguments.ticket != "${ASKED}" || context.approvals.contains("tickets")) };

@id("ada-views-claims")
permit (principal == Claims::Person::"ada", action == Claims::Action::"view", resource is Claims::Claim);
${GROUPS.map(
  (group) => `
@id("${group}-staff")
permit (
  principal in UserGroup::"${group}",
  action in [Action::"read", Action::"write", Action::"delegate"],
  resource in ToolGroup::"support-desk"
);
`,
).join("")}`

/** Who asks about policy, in a vocabulary of their own. */
export const QUERIES = "claims"

const CLAIMS = `
namespace Claims {
  entity Person;
  entity Claim;
  action view appliesTo { principal: Person, resource: Claim };
}
`

/** Approvals appear in an inbox a moment after the client got its answer. */
const PATIENCE_MS = 5_000

const inbox = z.object({
  approvals: z.array(
    z.looseObject({ kind: z.string(), id: z.string().optional(), task: z.string(), agent: z.string() }),
  ),
})

const registered = z.object({ clients: z.array(z.looseObject({ id: z.string(), name: z.string().nullable() })) })

/**
 * @param own the local stack's gateway takes the place of Envoy
 * @param more changes a copy of `policies/`
 */
export async function makeWorld(
  residents: readonly Resident[],
  own = !installed(envoy),
  more?: (policies: string) => Promise<void>,
): Promise<World> {
  const parting = new AsyncDisposableStack()
  const adopt = <Part extends Pick<Listening, "close">>(part: Part): Part =>
    parting.adopt(part, async (each) => each.close())
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-clients-"))
  parting.defer(async () => rm(directory, { recursive: true, force: true }))
  try {
    const documents = adopt(await serveDocuments(residents))
    const browser = adopt(await serveBrowser())
    const document = (client: string): string => `${documents.origin}/${client}`
    const clients = residents.map(({ name }) => document(name))
    const api = adopt(await startApi({ port: 0 }))
    const upstreams = { "/crm": `${api.url}/crm` }
    const scene = adopt(
      await setScene({
        row: envoy,
        standIn: own,
        upstreams,
        edit: async (policies) => {
          await admit(policies, clients)
          await more?.(policies)
        },
      }),
    )
    const clipboard = (user: string): string => `${browser.origin}/${user}`
    for (const user of ["alice", "bob", "olivia"]) await writeBrowser(join(directory, user), clipboard(user))
    return {
      ...scene,
      name: own ? "the local stack's gateway" : "Envoy",
      document,
      clipboard,
      browser: (user) => join(directory, user),
      approve: async (client) => {
        const { registersAs } = residents.find(({ name }) => name === client) ?? {}
        return approve(scene, registersAs === undefined ? [document(client)] : await registeredAs(scene, registersAs))
      },
      close: async () => parting.disposeAsync(),
    }
  } catch (error) {
    await parting.disposeAsync()
    // What is written here is wrong: its problems say where.
    if (error instanceof PoliciesRefused) throw new Error(JSON.stringify(error.published), { cause: error })
    throw error
  }
}

/** The clients' metadata documents, by which Narrowgate knows them; each is an agent of its own. */
async function serveDocuments(residents: readonly Resident[]): Promise<Listening> {
  const { LOOPBACK_KEY: key = "", LOOPBACK_CERTIFICATE: cert = "" } = process.env
  let origin = ""
  const server = createServer({ key, cert }, ({ url = "" }, response) => {
    const { redirects = ["http://127.0.0.1/callback"] } = residents.find(({ name }) => `/${name}` === url) ?? {}
    const document = { client_id: origin + url, client_name: url.slice(1), redirect_uris: redirects }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document))
  })
  const listening = await listen(server, 0)
  origin = listening.origin.replace("http:", "https:")
  return { ...listening, origin }
}

/** People's browsers: POST /<user> with a link. They allow all that they are asked for. */
async function serveBrowser(): Promise<Listening> {
  const server = createHttpServer(async (request, response) => {
    const user = (request.url ?? "").slice(1)
    const walk = async (): Promise<URL> => walkTo(new URL(await text(request)), user, allowsAll)
    const [status, answer] = await walk().then(
      ({ href }) => [200, href] as const,
      (error: unknown) => [500, String(error)] as const,
    )
    response.writeHead(status).end(answer)
  })
  return listen(server, 0)
}

/** Programs wait for the program that opens a link, and only then for the answer: it must not wait for them. */
async function writeBrowser(path: string, clipboard: string): Promise<void> {
  const follow = `curl -sf --data-binary "$1" ${clipboard} | xargs curl -s --retry 9 --retry-connrefused -o /dev/null`
  await writeFile(path, `#!/bin/sh\n(${follow}) </dev/null >/dev/null 2>&1 &\n`)
  await chmod(path, 0o755)
}

/** Adds the clients to a copy of `policies/`, and lets everybody whom the identity provider knows use the desk. */
async function admit(policies: string, clients: readonly string[]): Promise<void> {
  await edit(policies, "agents.yaml", (lists) => {
    // No purpose offers sending by default: a client asks for what the server's metadata offers before it needs it.
    Object.assign(lists("purposes").find(({ name }) => name === "answer-customer") ?? {}, { default: ["desk.*:read"] })
    // The robot that stands for nobody lists tickets too, and its library may name the token endpoint in its assertions.
    Object.assign(lists("purposes").find(({ name }) => name === "errand") ?? {}, {
      grant: { tools: ["crm.tickets.*:read"], max_sensitivity: "internal" },
    })
    const { identities } = z
      .object({ identities: z.array(z.looseObject({})) })
      .parse(lists("agents").find(({ id }) => id === ROBOT))
    for (const identity of identities) Object.assign(identity, { audience: "token_endpoint" })
    Object.assign(lists("agents").find(({ id }) => id === ROBOT) ?? {}, { identities })
    lists("purposes").push(PURPOSE)
    const agents = clients.map((id) => ({
      id,
      owner: "interop",
      groups: ["support"],
      ceiling: { tools: PURPOSE.grant.tools, max_sensitivity: "confidential" },
      purposes: [PURPOSE.name],
      client: { metadata: true, authentication: "none" },
    }))
    lists("agents").push(...agents)
  })
  const registration = {
    class: "mcp",
    owner: "interop",
    groups: ["support"],
    ceiling: { tools: PURPOSE.grant.tools, max_sensitivity: "confidential" },
    purposes: [PURPOSE.name],
  }
  await appendFile(join(policies, "agents.yaml"), stringify({ registration }))
  await edit(policies, "catalog.yaml", (lists) => void lists("tools").push(...ENTRIES))
  await edit(policies, "approvers.yaml", (lists) => {
    lists("approvals").push({ name: "tickets", approvers: [{ issuer: "local", group: "operations" }], life: "15m" })
  })
  await edit(policies, "gateways.yaml", (lists) => {
    const types = { Principal: "Claims::Person", Resource: "Claims::Claim" }
    lists("queries").push({
      id: QUERIES,
      key_sha256: [],
      types,
      action_type: "Claims::Action",
      actions: { Read: "view" },
    })
  })
  const schema = join(policies, "schema.cedarschema")
  const declared = (await readFile(schema, "utf8")).replace("  to?: String,\n", "$&  ticket?: String,\n")
  await writeFile(schema, declared + CLAIMS)
  await appendFile(join(policies, "support.cedar"), RULES)
}

/** The ids of the clients that have registered under a name. */
async function registeredAs({ stack }: Scene, name: string): Promise<readonly string[]> {
  const { access_token: token } = await login({ origin: stack.provider, user: "olivia", client: CONSOLE_CLIENT })
  const response = await fetch(`${stack.origin}/v1/clients`, { headers: { authorization: `Bearer ${token}` } })
  const { clients } = registered.parse(await response.json())
  return clients.flatMap((each) => (each.name === name ? [each.id] : []))
}

async function approve({ stack }: Scene, agents: readonly string[]): Promise<void> {
  const { access_token: token } = await login({ origin: stack.provider, user: "olivia", client: CONSOLE_CLIENT })
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  for (const until = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    const response = await fetch(`${stack.origin}/v1/approvals`, { headers })
    const { approvals } = inbox.parse(await response.json())
    const asked = approvals.find((each) => each.kind === "call" && agents.includes(each.agent))
    if (asked) {
      const url = `${stack.origin}/v1/tasks/${asked.task}/approvals/${asked.id}`
      const { status } = await fetch(url, { method: "POST", headers, body: JSON.stringify({ approve: true }) })
      if (status !== 200) throw new Error(`the approval was answered by ${status}`)
      return
    }
    if (Date.now() > until) throw new Error("no approval is pending")
  }
}
