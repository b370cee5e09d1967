import { EXIT, Failure } from "../terminal/failure.ts"
import { keepSession, sessionAt } from "./login-session.ts"
import { type WorkerOptions, reach, requireTls, isLoopback } from "./worker.ts"

/**
 * The operator's access token: from the environment, otherwise, for the local stack alone, from its identity provider.
 */
export async function operatorBearer({ url, idp }: WorkerOptions): Promise<string> {
  requireTls(url)
  const token = process.env["NARROWGATE_TOKEN"]
  if (token !== undefined && token !== "") return token
  const session = await sessionToken(url)
  if (session !== null) return session
  const fix = "Log in (narrowgate login), or set NARROWGATE_TOKEN to an access token of an operator."
  const stranger = new Failure(`nobody is logged in at ${url}`, fix, EXIT.usage)
  if (!isLoopback(url)) throw stranger
  const { operatorToken } = await import("./local-stack-login.ts")
  return reach(idp, () => operatorToken({ origin: idp })).catch(async (failure: unknown) => {
    const isUnreachable = failure instanceof Failure && failure.exitCode === EXIT.unreachable
    // A Worker of this machine without that provider is no local stack, such as one of `narrowgate serve`.
    throw isUnreachable && (await answers(url)) ? stranger : failure
  })
}

const answers = async (url: string): Promise<boolean> =>
  fetch(new URL("/healthz", url), { redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) }).then(
    ({ ok }) => ok,
    () => false,
  )

/** Milliseconds. */
const TIMEOUT_MS = 3_000

/** The token of the user who is logged in there, renewed if it is about to expire. */
async function sessionToken(url: string): Promise<string | null> {
  const session = await sessionAt(url)
  if (!session || session.expiresAt - Date.now() > RENEW_BEFORE_MS) return session && session.accessToken
  const { renewed } = await import("./oidc-login.ts")
  const fresh = await reach(session.issuer, async () => renewed(session, new URL(url).origin))
  await keepSession(url, fresh)
  if (fresh) return fresh.accessToken
  throw new Failure(`the session at ${url} has expired`, "Log in again: narrowgate login.", EXIT.usage)
}

const RENEW_BEFORE_MS = 60_000

/** A user's own access token: from the environment, otherwise, for the local stack alone, by a login there. */
export async function personBearer({ url, idp }: WorkerOptions, user: string | undefined): Promise<string> {
  requireTls(url)
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
