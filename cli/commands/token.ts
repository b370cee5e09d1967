/** `narrowgate token`: the credentials of the local stack, for trials by hand. */
import type { Command } from "commander"
import { operatorBearer } from "../remote/bearer.ts"
import { USERS_TEXT } from "../remote/local-stack.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { DEFAULT_URL, reach, type WorkerOptions } from "../remote/worker.ts"
import { atWorker } from "./worker-options.ts"
import { addTokenExchange } from "./token-exchange.ts"

interface UserOptions extends WorkerOptions {
  readonly login: string
  readonly password?: string
  readonly secondFactor?: boolean
  readonly idToken?: boolean
  readonly json?: boolean
}

interface WorkloadOptions extends WorkerOptions {
  readonly id: string
  readonly audience?: string
  readonly json?: boolean
}

export function addToken(program: Command): void {
  const group = program
    .command("token")
    .description("get credentials from the identity provider of the local stack")
    .addHelpText(
      "after",
      "\nExample:\n  narrowgate token exchange --agent spiffe://example.org/agent/support --user alice\n",
    )
  atWorker(group.command("user"))
    .description("log a user in; print the access token of the session")
    .requiredOption("--login <NAME>", `the user, with the groups of each: ${USERS_TEXT}`)
    .option("--password <TEXT>", "the password (default: the right one)")
    .option("--second-factor", "log in with a one-time code too")
    .option("--id-token", "print the ID token instead")
    .option("--json", "print the whole session as JSON")
    .addHelpText("after", "\nExample:\n  narrowgate token user --login alice\n")
    .action(user)
  atWorker(group.command("workload"))
    .description("print the identity of an agent (JWT-SVID)")
    .requiredOption("--id <SPIFFE-ID>", "the agent, such as spiffe://example.org/agent/support")
    .option("--audience <URL>", "the audience of the JWT-SVID (default: the Worker)")
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  narrowgate token workload --id spiffe://example.org/agent/support\n")
    .action(workload)
  addTokenExchange(atWorker(group.command("exchange")))
  atWorker(group.command("operator"))
    .description("print the operator's token that the other commands use")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `\nExample:\n  curl -H "Authorization: Bearer $(narrowgate token operator)" ${DEFAULT_URL}/v1/decisions\n`,
    )
    .action(async (options: WorkerOptions & { json?: boolean }) => {
      print({ access_token: await operatorBearer(options) }, "access_token", options.json)
    })
}

async function user({ idp, login: name, password, secondFactor, idToken, json }: UserOptions): Promise<void> {
  const { login } = await import("../remote/local-stack-login.ts")
  const session = await reach(idp, () =>
    login({
      origin: idp,
      user: name,
      ...(password !== undefined && { password }),
      ...(secondFactor !== undefined && { secondFactor }),
    }),
  )
  print({ ...session }, idToken ? "id_token" : "access_token", json)
}

async function workload({ idp, url, id, audience, json }: WorkloadOptions): Promise<void> {
  const { workloadIdentity } = await import("../remote/local-stack-login.ts")
  const svid = await reach(idp, () => workloadIdentity({ origin: idp, id, audience: audience ?? url }))
  print({ svid }, "svid", json)
}

/** The token alone, so that a script can use it, or everything as JSON. */
function print(credentials: Readonly<Record<string, unknown>>, which: string, json: boolean | undefined): void {
  console.log(json ? jsonText(credentials) : printableText(String(credentials[which])))
}
