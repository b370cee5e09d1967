/**
 * The real Worker, its gateways registered as their pages say: the example policies, moved to the origin of the pages,
 * with some tools beside them. And the tokens of its agents.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { getToken, makeKey, prove, type Key, type Wanted } from "../../dev/demo/agent.ts"
import { login } from "../../cli/remote/local-stack-login.ts"
import { twoFreePorts } from "../../dev/loopback.ts"
import { developmentKey } from "../../cli/remote/local-stack-policies.ts"
import { startStack, type Stack } from "../../dev/stack.ts"
import { entryOf } from "./page.ts"
import type { Row } from "./row.ts"
import { GATEWAYS } from "./table.ts"

/** The public origin of every page. */
export const ORIGIN = "https://api.example"
/** A gateway that is registered twice: this one as on its page, the other without `preflights: true`. */
const WITH_PREFLIGHTS = "-preflights"

const TOOLS = [
  { name: "watch", methods: ["GET"], path: "/crm/events" },
  { name: "talk", methods: ["GET"], path: "/crm/socket" },
  { name: "look", methods: ["OPTIONS"], path: "/crm/tickets/{ticket}" },
  { name: "change", methods: ["PUT", "PATCH", "DELETE"], path: "/crm/tickets/{ticket}" },
  { name: "export", methods: ["GET"], path: "/crm/export" },
  { name: "once", methods: ["GET"], path: "/crm/once" },
].map(({ name, methods, path }) => ({
  name: `crm.tickets.${name}`,
  action: "read",
  sensitivity: "internal",
  groups: ["support-desk"],
  route: { origin: ORIGIN, methods, path },
}))

const WINDOW = { id: "once", tools: ["crm.tickets.once"], per: "task", limit: 1, within: "30m" }

const FORBIDDEN = `
@id("no-export")
forbid (principal, action in [Action::"read", Action::"write", Action::"execute"], resource == Tool::"crm.tickets.export");
`

/** Its tokens live for half a minute. */
const HASTY = "spiffe://example.org/agent/hasty"
const SUPPORT = "spiffe://example.org/agent/support"

export interface Stage {
  readonly origin: string
  readonly key: (row: Row, preflights?: "preflights") => string
  /** One task of its own: windows count it alone. */
  readonly tokens: () => Promise<Tokens>
  /** Resolves when it has expired. */
  readonly expired: () => Promise<string>
  readonly close: () => Promise<void>
}

export interface Tokens {
  /** May read tickets, and call what `everything` and `desk` have. */
  readonly reading: string
  /** May send mail. */
  readonly mailing: string
  /** May read tickets, with a proof. */
  readonly bound: { readonly token: string; readonly prove: (method: string, path: string) => Promise<string> }
}

export async function startStage(): Promise<Stage> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-gateways-"))
  let stack: Stack | undefined
  const close = async (): Promise<void> => {
    await stack?.close()
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    const policies = join(directory, "policies")
    await writePolicies(policies)
    stack = await startStack({ policies, port: await twoFreePorts(), state: join(directory, "state") })
    const where = { narrowgate: stack.origin, provider: stack.provider }
    const { access_token: subject } = await login({ origin: stack.provider, user: "alice" })
    const take = async (wanted: Omit<Wanted, "subject">) => {
      const { token, seen } = await getToken(where, { ...wanted, subject })
      if (!token) throw new Error(`no token: ${seen.status} ${seen.code}`)
      return token
    }
    const hasty = await take({ agent: HASTY, scope: "crm.tickets.*:read" })
    const ended = Date.now() + hasty.expires_in * 1000
    return {
      origin: stack.origin,
      key: (row, preflights) => developmentKey(entryOf(row.page).id + (preflights ? WITH_PREFLIGHTS : "")),
      async tokens() {
        const key = await makeKey()
        const scope = "crm.tickets.*:read everything.*:read desk.*:read"
        const reading = await take({ agent: SUPPORT, purpose: "triage-ticket", scope })
        const mailing = await take({ agent: SUPPORT, purpose: "answer-customer", scope: "mail.send:write" })
        const bound = await take({ agent: SUPPORT, purpose: "triage-ticket", scope: "crm.tickets.*:read", key })
        return {
          reading: reading.access_token,
          mailing: mailing.access_token,
          bound: { token: bound.access_token, prove: prover(key, bound.access_token) },
        }
      },
      async expired() {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, ended + 1000 - Date.now())))
        return hasty.access_token
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function prover(key: Key, token: string) {
  return async (method: string, path: string): Promise<string> => prove(key, method, ORIGIN + path, token)
}

const items = z.array(z.looseObject({}))

async function writePolicies(policies: string): Promise<void> {
  // Without its decision tables, which name gateways that are not here.
  const filter = (path: string): boolean => !path.endsWith(".test.yaml")
  await cp(join(import.meta.dirname, "../../policies"), policies, { recursive: true, filter })
  const edit = async (name: string, change: (text: string) => unknown): Promise<void> => {
    const path = join(policies, name)
    await writeFile(path, stringify(change(await readFile(path, "utf8"))))
  }
  await edit("gateways.yaml", () => ({
    gateways: GATEWAYS.flatMap(({ page }) => {
      const entry = entryOf(page)
      return [
        { ...entry, preflights: false },
        { ...entry, id: entry.id + WITH_PREFLIGHTS },
      ]
    }),
  }))
  await edit("catalog.yaml", (text) => {
    const catalog = z
      .looseObject({ tools: items })
      .parse(parse(text.replaceAll(/http:\/\/127\.0\.0\.1:808[01]/g, ORIGIN)))
    return { ...catalog, tools: [...catalog.tools, ...TOOLS] }
  })
  await edit("guardrails.yaml", (text) => {
    const guardrails = z.looseObject({ windows: items }).parse(parse(text))
    return { ...guardrails, windows: [...guardrails.windows, WINDOW] }
  })
  await edit("agents.yaml", (text) => {
    const file = z.looseObject({ agents: items }).parse(parse(text.replace("[development]", "[production]")))
    const support = file.agents.find(({ id }) => id === SUPPORT)
    return { ...file, agents: [...file.agents, { ...support, id: HASTY, life: 30, delegates_to: [] }] }
  })
  await writeFile(join(policies, "gateways.cedar"), FORBIDDEN)
}
