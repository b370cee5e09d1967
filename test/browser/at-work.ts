/** `policies/` with more that people are asked about and more that counts, on the parts of the demo; and an agent in it. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { callHttp, getToken, type Seen, type Token, type Wanted } from "../../dev/demo/agent.ts"
import { startParts, type Parts } from "../../dev/demo/parts.ts"
import { login, workloadIdentity } from "../../cli/remote/local-stack-login.ts"

export const SUPPORT = "spiffe://example.org/agent/support"
export const RESEARCHER = "spiffe://example.org/agent/researcher"

const RULES = `
@id("refund-mail-needs-finance")
@remedy("approval:finance")
@reason("A mail that promises money goes out with two people's word.")
forbid (principal, action == Action::"write", resource == Tool::"mail.send")
when { context.arguments has to && context.arguments.to == "refunds@example.org" }
unless { context.approvals.contains("finance") };

@id("claims-mail-needs-finance")
@remedy("approval:finance")
@reason("${"A claim goes out with two people's word, who have read the claim and the order. ".repeat(10)}")
forbid (principal, action == Action::"write", resource == Tool::"mail.send")
when { context.arguments has to && context.arguments.to == "claims@example.org" && context.arguments has a }
unless { context.approvals.contains("finance") };
`
const FINANCE = {
  name: "finance",
  approvers: ["olivia", "bob"].map((subject) => ({ issuer: "local", subject })),
  need: 2,
  uses: 3,
}
const GUARDRAILS = {
  windows: [
    { id: "replies-an-hour", tools: ["crm.tickets.reply"], per: "task", limit: 2, within: "1h", then: "approve" },
    { id: "agent-an-hour", tools: ["*"], per: "agent", limit: 1000, within: "1h" },
  ],
  budgets: [{ id: "recipients", tools: ["mail.send"], per: "tree", distinct: "arguments.to", limit: 5 }],
}

const approversFile = z.object({ approvals: z.array(z.unknown()) })
const guardrailsFile = z.object({ windows: z.array(z.unknown()) })

export interface AtWork extends Parts {
  readonly take: (wanted: Wanted) => Promise<Token>
  /** Alice's, whom the agents work for. */
  readonly session: string
  readonly post: (path: string, token: Token, json: unknown) => Promise<Seen>
  readonly get: (path: string, token: Token) => Promise<Seen>
  /** Asks a person for consent (OpenID CIBA). @returns the task */
  readonly ask: (user: string, more: Readonly<Record<string, string>>) => Promise<string>
}

export async function startWork(): Promise<AtWork> {
  const policies = await mkdtemp(join(tmpdir(), "narrowgate-at-work-"))
  const remove = async (): Promise<void> => rm(policies, { recursive: true, force: true })
  try {
    await cp(join(import.meta.dirname, "../../policies"), policies, { recursive: true })
    await appendFile(join(policies, "support.cedar"), RULES)
    await edit(join(policies, "approvers.yaml"), (file) => {
      return { approvals: [...approversFile.parse(file).approvals, FINANCE] }
    })
    await edit(join(policies, "guardrails.yaml"), (file) => {
      return { ...GUARDRAILS, windows: [...guardrailsFile.parse(file).windows, ...GUARDRAILS.windows] }
    })
    const parts = await startParts(policies)
    const { stack, edge } = parts
    const where = { narrowgate: stack.origin, provider: stack.provider }
    return {
      ...parts,
      session: (await login({ origin: stack.provider, user: "alice" })).access_token,
      async take(wanted) {
        const { token, seen } = await getToken(where, wanted)
        if (!token) throw new Error(`no token: ${seen.code}`)
        return token
      },
      post: async (to, token, json) => callHttp("POST", edge.origin + to, token.access_token, { json }),
      get: async (to, token) => callHttp("GET", edge.origin + to, token.access_token),
      async ask(user, more) {
        const identity = await workloadIdentity({ origin: stack.provider, id: SUPPORT, audience: stack.origin })
        const body = new URLSearchParams({
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
          client_assertion: identity,
          login_hint: `${stack.provider}|${user}`,
          ...more,
        })
        const answer: unknown = await (
          await fetch(`${stack.origin}/oauth/bc-authorize`, { method: "POST", body })
        ).json()
        const { auth_req_id: id } = z.object({ auth_req_id: z.string() }).parse(answer)
        return id.slice(0, id.indexOf("."))
      },
      async close() {
        await parts.close()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}

async function edit(path: string, change: (file: unknown) => unknown): Promise<void> {
  await writeFile(path, stringify(change(parse(await readFile(path, "utf8")))))
}
