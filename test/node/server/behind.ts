/** The real Narrowgate, and how a call is allowed there: the example's policies, with gateways that want signed tokens. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { exchange } from "../../../cli/commands/token-exchange.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { twoFreePorts } from "../../../dev/loopback.ts"
import { startStack, type Beside, type Stack } from "../../../dev/stack.ts"

const EXAMPLE = join(import.meta.dirname, "../../../policies")
/** Where the example's routes and servers are. */
export const ORIGIN = "http://127.0.0.1:8080"
export const AGENT = "spiffe://example.org/agent/support"
export const AUDIENCE = "api.internal.example"

const TOOLS = `
  - name: crm.tickets.note
    action: write
    sensitivity: internal
    groups: [support-desk]
    redact: [secret]
    route: { origin: "${ORIGIN}", methods: [POST], path: "/crm/tickets/{ticket}/notes", integers: [ticket] }
  - name: crm.tickets.attach
    action: write
    sensitivity: internal
    groups: [support-desk]
    route: { origin: "${ORIGIN}", methods: [PUT], path: "/crm/tickets/{ticket}/files" }
`
const entry = (id: string, dialect: string, lines: string): string => `
  - id: ${id}
    dialect: ${dialect}
    origins: ["${ORIGIN}"]
    audience: https://api.example
    environment: development
${lines.replaceAll(/^/gm, "    ")}
`
const GATEWAYS = [
  entry("telling", "envoy", `body: true\ntransaction_tokens: { audience: ${AUDIENCE} }`),
  entry("elsewhere", "envoy", "body: true\ntransaction_tokens: { audience: other.internal.example }"),
  // Passes no bodies on, so that arguments in them are seen by nobody.
  entry("blind", "envoy", `body: false\ntransaction_tokens: { audience: ${AUDIENCE} }`),
  entry("saying", "envoy", "body: true\ndenials: mcp"),
  entry("asking", "authzen", "body: true"),
  entry("bound", "worker", "body: true\ndenials: mcp"),
].join("")

const TRIAGE = {
  purpose: "triage-ticket",
  scope: "crm.tickets.*:read crm.tickets.*:write everything.*:read",
}

export interface Request {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Behind {
  readonly stack: Stack
  /** A delegation token. */
  readonly token: string
  /** One of a task of its own. */
  readonly open: (wanted: { readonly purpose: string; readonly scope: string }) => Promise<string>
  /** Has the call allowed, by a gateway: returns what its upstream is told. */
  readonly allowed: (call: Request, gateway?: string) => Promise<Headers>
  readonly close: () => Promise<void>
}

export const JSON_TYPE = { "Content-Type": "application/json" } as const

export async function startBehind(beside: readonly Beside[] = []): Promise<Behind> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-behind-"))
  const policies = join(directory, "policies")
  await cp(EXAMPLE, policies, { recursive: true })
  const catalog = join(policies, "catalog.yaml")
  // The servers of these tests say other things of their tools than those of the example.
  const unpinned = (await readFile(catalog, "utf8")).replaceAll(/^ +pinned: .*\n/gmu, "")
  await writeFile(catalog, unpinned + TOOLS)
  await appendFile(join(policies, "gateways.yaml"), GATEWAYS)
  const stack = await startStack({ policies, port: await twoFreePorts(), state: join(directory, "state"), beside })
  const asked = { url: stack.origin, idp: stack.provider, agent: AGENT, user: { issuer: null, subject: "alice" } }
  const open = async ({ purpose, scope } = TRIAGE): Promise<string> => {
    const { access_token } = await exchange({ ...asked, purpose, scope })
    return access_token
  }
  const token = await open()
  let [task, calls] = [token, 0]
  return {
    stack,
    token,
    open,
    async allowed({ method, target, headers = {}, body }, gateway = "telling") {
      // The grant of a task is for 200 calls.
      if (++calls % 150 === 0) task = await open()
      const answer = await fetch(`${stack.origin}/authz/envoy${target}`, {
        method,
        headers: {
          ...headers,
          Authorization: `Bearer ${task}`,
          "X-Narrowgate-Key": developmentKey(gateway),
          "X-Narrowgate-Original-Path": target,
        },
        ...(body !== undefined && { body }),
      })
      if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
      return answer.headers
    },
    async close() {
      await stack.close()
      await rm(directory, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
