/** `narrowgate token exchange`: a delegation token, got as an agent of the local stack would get it. */
import type { Command } from "commander"
import { z } from "zod"
import { jsonText, printableText } from "../terminal/escape.ts"
import { Failure } from "../terminal/failure.ts"
import { reach, type WorkerOptions } from "../remote/worker.ts"

export interface ExchangeOptions extends WorkerOptions {
  readonly agent: string
  readonly login?: string
  readonly secondFactor?: boolean
  readonly purpose?: string
  readonly scope?: string
  readonly audience?: string
  readonly json?: boolean
}

const issued = z.looseObject({ access_token: z.string() })
const refused = z.looseObject({ error: z.string(), error_description: z.string().optional() })

export function addTokenExchange(command: Command): void {
  command
    .description("open a task for an agent; print its delegation token")
    .requiredOption("--agent <SPIFFE-ID>", "who acts")
    .option("--login <NAME>", "on whose behalf (absent: on the agent's own)")
    .option("--second-factor", "that user has logged in with a one-time code too")
    .option("--purpose <NAME>", "absent: the agent's first")
    .option("--scope <SCOPES>", "absent: the purpose's default")
    .option("--audience <URI>", "what the token is for, where there is more than one gateway audience")
    .option("--json", "the whole answer, as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate token exchange --agent spiffe://example.org/agent/support --login alice\n" +
        "  narrowgate token exchange --agent spiffe://example.org/agent/nightly --json\n",
    )
    .action(async (options: ExchangeOptions) => {
      const answer = await exchange(options)
      console.log(options.json ? jsonText(answer) : printableText(answer.access_token))
    })
}

/** RFC 8693 with a user, RFC 6749 4.4 without; the agent is proven by its JWT-SVID (RFC 7523 2.2). */
export async function exchange(options: ExchangeOptions): Promise<z.infer<typeof issued>> {
  const { url, idp, agent, login: user, secondFactor = false, ...asked } = options
  const { login, workloadIdentity } = await import("../remote/local-stack-login.ts")
  const assertion = await reach(idp, () => workloadIdentity({ origin: idp, id: agent, audience: url }))
  const session = user === undefined ? undefined : await reach(idp, () => login({ origin: idp, user, secondFactor }))
  const form = new URLSearchParams({
    grant_type: session ? "urn:ietf:params:oauth:grant-type:token-exchange" : "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    client_assertion: assertion,
    // An empty parameter is as if absent (RFC 6749 3.2).
    subject_token: session?.access_token ?? "",
    subject_token_type: session ? "urn:ietf:params:oauth:token-type:access_token" : "",
    purpose: asked.purpose ?? "",
    scope: asked.scope ?? "",
    audience: asked.audience ?? "",
  })
  return reach(url, async () => {
    const response = await fetch(new URL("/oauth/token", url), { method: "POST", body: form, redirect: "error" })
    const body: unknown = await response.json().catch(() => undefined)
    if (response.ok) return issued.parse(body)
    const { error, error_description: why } = refused.catch({ error: `status ${response.status}` }).parse(body)
    const fix =
      error === "invalid_target"
        ? "Name the audience: --audience URI."
        : "See the decision: `narrowgate decisions tail`."
    throw new Failure(`no token: ${error}${why === undefined ? "" : `: ${why}`}`, fix)
  })
}
