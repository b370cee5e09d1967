/** `narrowgate token exchange`: a delegation token, requested as an agent of the local stack would request it. */
import type { Command } from "commander"
import { z } from "zod"
import { jsonText, printableText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { WRITTEN_PROVIDER } from "../remote/local-stack-policies.ts"
import { reach, type WorkerOptions } from "../remote/worker.ts"
import { userOption, type UserName } from "../terminal/options.ts"

export interface ExchangeOptions extends WorkerOptions {
  readonly agent: string
  readonly user?: UserName
  readonly secondFactor?: boolean
  readonly purpose?: string
  /** Continues this task of the same agent and user. */
  readonly task?: string
  readonly scope?: string
  readonly audience?: string
  readonly json?: boolean
}

const issued = z.looseObject({ access_token: z.string(), task: z.string().optional() })
const refused = z.looseObject({ error: z.string(), error_description: z.string().optional() })

export function addTokenExchange(command: Command): void {
  command
    .description(
      "open a task for an agent; print its delegation token, which is not bound to a key, because this command proves none (DPoP)",
    )
    .requiredOption("--agent <SPIFFE-ID>", "the agent")
    .addOption(userOption("the user on whose behalf it acts (default: the agent itself)"))
    .option("--second-factor", "log the user in with a one-time code too")
    .option("--purpose <NAME>", "the purpose of the task (default: the agent's first)")
    .option("--scope <SCOPES>", "the scopes to request (default: those of the purpose)")
    .option("--audience <URI>", "the audience of the token, needed if the gateways have several")
    .option("--json", "print the whole response as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate token exchange --agent spiffe://example.org/agent/support --user alice\n" +
        "  narrowgate token exchange --agent spiffe://example.org/agent/nightly --json\n",
    )
    .action(async (options: ExchangeOptions) => {
      const answer = await exchange(options)
      console.log(options.json ? jsonText(answer) : printableText(answer.access_token))
    })
}

/** The policies write the local stack's provider as that of the default port. */
function subjectAt({ issuer, subject }: UserName, idp: string): string {
  if (issuer === null || [new URL(idp).origin, WRITTEN_PROVIDER].includes(issuer)) return subject
  const fix = `Name a user of ${idp}, the identity provider of the local stack.`
  throw new Failure(`no user of ${issuer} can log in here`, fix, EXIT.usage)
}

/**
 * RFC 8693 with a user, RFC 6749, section 4.4, without; the agent authenticates with its JWT-SVID (RFC 7523, section
 * 2.2).
 */
export async function exchange(options: ExchangeOptions): Promise<z.infer<typeof issued>> {
  const { url, idp, agent, user: name, secondFactor = false, ...requested } = options
  const user = name && subjectAt(name, idp)
  const { login, workloadIdentity } = await import("../remote/local-stack-login.ts")
  const assertion = await reach(idp, () => workloadIdentity({ origin: idp, id: agent, audience: url }))
  const session = user === undefined ? undefined : await reach(idp, () => login({ origin: idp, user, secondFactor }))
  const form = new URLSearchParams({
    grant_type: session ? "urn:ietf:params:oauth:grant-type:token-exchange" : "client_credentials",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    client_assertion: assertion,
    // An empty parameter counts as absent (RFC 6749, section 3.2).
    subject_token: session?.access_token ?? "",
    subject_token_type: session ? "urn:ietf:params:oauth:token-type:access_token" : "",
    purpose: requested.purpose ?? "",
    scope: requested.scope ?? "",
    task: requested.task ?? "",
    audience: requested.audience ?? "",
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
