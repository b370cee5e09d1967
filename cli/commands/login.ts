/** `narrowgate login` and `narrowgate logout`: the operator's session on this machine. */
import { spawn } from "node:child_process"
import type { Command } from "commander"
import { printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { loginByBrowser, type LoggedInUser } from "../remote/oidc-login.ts"
import { keepSession } from "../remote/login-session.ts"
import { requireTls } from "../remote/worker.ts"
import { workerOption } from "./worker-options.ts"

interface LoginOptions {
  readonly url: string
  readonly issuer: string
  readonly client: string
  readonly scope: string
  readonly resource?: string
  readonly browser: boolean
}

/** `offline_access`: so that nobody has to log in again every few minutes. */
const SCOPE = "openid offline_access"

export function addLogin(program: Command): void {
  program
    .command("login")
    .description("log in as an operator, at an identity provider that the Worker trusts")
    .addOption(workerOption())
    .requiredOption("--issuer <URL>", "the identity provider, as in issuers.yaml")
    .option("--client <ID>", "the client_id, one of `operators.clients` there", "narrowgate")
    .option("--scope <SCOPES>", "the scopes to request", SCOPE)
    .option("--resource <URI>", "the resource of the token (RFC 8707; default: the Worker)")
    .option("--no-browser", "print the URL instead of opening a browser")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate login --url https://authz.example --issuer https://idp.example --client narrowgate\n  narrowgate login --issuer http://127.0.0.1:8788 --scope 'openid offline_access narrowgate'\n\nThe session is stored below ~/.config/narrowgate, in a file that only you can read.\nIn a pipeline, or on a machine without a browser, set NARROWGATE_TOKEN instead.\n",
    )
    .action(login)

  program
    .command("logout")
    .description("delete the operator's session")
    .addOption(workerOption())
    .addHelpText("after", "\nExample:\n  narrowgate logout --url https://authz.example\n")
    .action(async ({ url }: { url: string }) => {
      await keepSession(url, null)
      console.log(`nobody is logged in at ${url}`)
    })
}

async function login({ url, issuer, client, scope, resource, browser }: LoginOptions): Promise<void> {
  // A token for such a Worker could not be sent anywhere.
  requireTls(url)
  const provider = { issuer, client, scope, resource: resource ?? new URL(url).origin }
  const { session, user } = await loginByBrowser(provider, (where) => {
    console.error(`Log in at ${printableText(where)}`)
    if (browser) open(where)
  })
  await keepSession(url, session)
  console.log(colors.green(printableText(`logged in at ${url} as ${userText(user)} of ${issuer}`)))
  const then = session.refreshToken === undefined ? "then log in again" : "then it is renewed without a login"
  console.log(`until ${new Date(session.expiresAt).toISOString()}; ${then}`)
}

function userText(user: LoggedInUser | null): string {
  if (user === null) return "a user"
  return user.name === null ? user.subject : `${user.name} (${user.subject})`
}

/** A person without a browser here still sees the address. */
function open(url: string): void {
  const [command = "", ...args] =
    process.platform === "darwin" ? ["open"] : process.platform === "win32" ? ["explorer"] : ["xdg-open"]
  const child = spawn(command, [...args, url], { stdio: "ignore", detached: true })
  child.once("error", () => undefined)
  child.unref()
}
