/** The example's policies with one more gateway before the example's CRM, and a token for its tickets alone. */
import { appendFile, cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { exchange } from "../../../cli/commands/token-exchange.ts"
import { twoFreePorts } from "../../../dev/loopback.ts"
import { type Beside, startStack, type Stack } from "../../../dev/stack.ts"

const EXAMPLE = join(import.meta.dirname, "../../../policies")
/** Where the example's routes are. */
export const ORIGIN = "http://127.0.0.1:8080"
export const AGENT = "spiffe://example.org/agent/support"

export interface Guarded {
  readonly stack: Stack
  /** For the scope. */
  readonly token: string
  readonly close: () => Promise<void>
}

/** @param lines of its entry in gateways.yaml, beside id, dialect, origin and audience */
export async function guarded(
  dialect: string,
  lines: readonly string[],
  beside: readonly Beside[] = [],
  scope = "crm.tickets.*:read",
): Promise<Guarded> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-guarded-"))
  const policies = join(directory, "policies")
  await cp(EXAMPLE, policies, { recursive: true })
  const entry = [`- id: ${dialect}`, `dialect: ${dialect}`, `origins: [${ORIGIN}]`, "audience: https://api.example"]
  const text = [...entry, "environment: development", ...lines].join("\n    ")
  await appendFile(join(policies, "gateways.yaml"), `\n  ${text}\n`)
  const state = join(directory, "state")
  const stack = await startStack({ policies, port: await twoFreePorts(), state, beside })
  const asked = { url: stack.origin, idp: stack.provider, agent: AGENT, user: { issuer: null, subject: "alice" } }
  const { access_token: token } = await exchange({ ...asked, purpose: "triage-ticket", scope })
  return {
    stack,
    token,
    async close() {
      await stack.close()
      await rm(directory, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
