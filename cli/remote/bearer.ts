import { EXIT, Failure } from "../terminal/failure.ts"
import { keepSession, sessionAt } from "./login-session.ts"
import { type WorkerOptions, reach, refuseInClear, isLoopback } from "./worker.ts"

/** The operator's access token: from the environment, else, for the local stack alone, from its identity provider. */
export async function operatorBearer({ url, idp }: WorkerOptions): Promise<string> {
  refuseInClear(url)
  const token = process.env["NARROWGATE_TOKEN"]
  if (token !== undefined && token !== "") return token
  const kept = await keptToken(url)
  if (kept !== null) return kept
  if (!isLoopback(url)) {
    const fix = "Log in (narrowgate login), or set NARROWGATE_TOKEN to an access token of an operator."
    throw new Failure(`nobody is logged in at ${url}`, fix, EXIT.usage)
  }
  const { operatorToken } = await import("./local-stack-login.ts")
  return reach(idp, () => operatorToken({ origin: idp }))
}

/** Of who has logged in there, renewed where it is about to expire. */
async function keptToken(url: string): Promise<string | null> {
  const session = await sessionAt(url)
  if (!session || session.expiresAt - Date.now() > RENEW_BEFORE_MS) return session && session.accessToken
  const { renewed } = await import("./oidc-login.ts")
  const fresh = await reach(session.issuer, async () => renewed(session, new URL(url).origin))
  await keepSession(url, fresh)
  if (fresh) return fresh.accessToken
  throw new Failure(`the session at ${url} is over`, "Log in again: narrowgate login.", EXIT.usage)
}

const RENEW_BEFORE_MS = 60_000

/** A person's own access token: from the environment, else, for the local stack alone, by logging them in there. */
export async function personBearer({ url, idp }: WorkerOptions, user: string | undefined): Promise<string> {
  refuseInClear(url)
  const token = process.env["NARROWGATE_TOKEN"]
  if (token !== undefined && token !== "" && user === undefined) return token
  if (!isLoopback(url) || user === undefined) {
    const fix = "Set NARROWGATE_TOKEN to an access token of yours; at the local stack, name yourself by `--login`."
    throw new Failure("nobody has logged in", fix, EXIT.usage)
  }
  const [{ login }, { CONSOLE_CLIENT }] = await Promise.all([
    import("./local-stack-login.ts"),
    import("./local-stack.ts"),
  ])
  return reach(idp, async () => (await login({ origin: idp, user, client: CONSOLE_CLIENT })).access_token)
}
