/** `narrowgate login` and `narrowgate logout`: who manages from here. */
import { spawn } from "node:child_process"
import type { Command } from "commander"
import { printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { loginByBrowser } from "../remote/oidc-login.ts"
import { keepSession } from "../remote/login-session.ts"
import { DEFAULT_URL, refuseInClear } from "../remote/worker.ts"

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
    .description("log in as an operator, at the identity provider that the Worker believes")
    .option("--url <URL>", "the Worker (also NARROWGATE_URL)", DEFAULT_URL)
    .requiredOption("--issuer <URL>", "the identity provider, as in issuers.yaml")
    .option("--client <ID>", "client_id, one of `operators.clients` there", "narrowgate")
    .option("--scope <SCOPES>", "what to ask for", SCOPE)
    .option("--resource <URI>", "what the token is to be for; absent: the Worker")
    .option("--no-browser", "only print where to go")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate login --url https://authz.example --issuer https://idp.example --client narrowgate\n  narrowgate login --issuer http://127.0.0.1:8788 --scope 'openid offline_access narrowgate'\n\nThe session is kept for you alone below ~/.config/narrowgate. A pipeline, or a machine without a browser, sets NARROWGATE_TOKEN instead.\n",
    )
    .action(login)

  program
    .command("logout")
    .description("forget the operator's session")
    .option("--url <URL>", "the Worker (also NARROWGATE_URL)", DEFAULT_URL)
    .addHelpText("after", "\nExample:\n  narrowgate logout --url https://authz.example\n")
    .action(async ({ url }: { url: string }) => {
      await keepSession(url, null)
      console.log(`nobody is logged in at ${url}`)
    })
}

async function login({ url, issuer, client, scope, resource, browser }: LoginOptions): Promise<void> {
  // What is got here could be sent nowhere.
  refuseInClear(url)
  const provider = { issuer, client, scope, resource: resource ?? new URL(url).origin }
  const session = await loginByBrowser(provider, (where) => {
    console.error(`Log in at ${printableText(where)}`)
    if (browser) open(where)
  })
  await keepSession(url, session)
  console.log(colors.green(printableText(`logged in at ${url}, as ${issuer} says`)))
}

/** Whoever has no browser here still sees the address. */
function open(url: string): void {
  const [command = "", ...args] =
    process.platform === "darwin" ? ["open"] : process.platform === "win32" ? ["explorer"] : ["xdg-open"]
  const child = spawn(command, [...args, url], { stdio: "ignore", detached: true })
  child.once("error", () => undefined)
  child.unref()
}
