/**
 * Whose the deployment is, in this isolate. Its configuration says so, or the object of publications, which is asked
 * once: what was claimed never changes. Until an isolate knows it, it serves nothing but the claim.
 */
import { configOf, isOwned, keepOwnership, OwnerUnknown, settingsOf, type Ownership } from "../platform/config.ts"
import { inJurisdiction } from "../platform/jurisdiction.ts"
import { logEvent } from "../platform/log.ts"
import { clockDistance, Refresh, type AttemptLimits } from "../platform/refresh.ts"
import { isStrong } from "../core/keys/secret-strength.ts"
import { publications } from "./publications.ts"

const LIMITS: AttemptLimits = { timeout: 5_000, pause: 1_000, longestPause: 5_000 }
const WAIT_MS = 2_000
/** A deployment without an owner asks its object this often, however many requests there are. */
const ASK_EVERY_MS = 1_000

let refresh = new Refresh<Ownership | null>()
let unclaimedAt = Number.NEGATIVE_INFINITY

/** For tests: the state of a fresh isolate. */
export function forgetOwner(): void {
  refresh = new Refresh()
  unclaimedAt = Number.NEGATIVE_INFINITY
}

/**
 * Null if it is known whose the deployment is, so that a request can be served; otherwise what it is answered with.
 * @param background takes work that the answer does not wait for
 */
export async function answerUnowned(
  given: Env,
  background: (work: Promise<unknown>) => void,
): Promise<Response | null> {
  const env = inJurisdiction(given)
  const now = Date.now()
  if (isKnown(env)) return null
  if (clockDistance(now, unclaimedAt) >= ASK_EVERY_MS) {
    const attempt = async (): Promise<Ownership | null> => {
      const ownership = await publications(env).ownership()
      if (ownership) keepOwnership(ownership)
      else unclaimedAt = now
      return ownership
    }
    const onFailure = (error: unknown): void => logEvent("owner_not_read", { error: String(error) })
    await refresh.wait(LIMITS, { now, background, attempt, onFailure }, WAIT_MS)
  }
  if (isKnown(env)) return null
  return clockDistance(now, unclaimedAt) < ASK_EVERY_MS + WAIT_MS
    ? unavailable("unclaimed", textOf(settingsOf(env).claim))
    : unavailable("unavailable", "No decision could be made.")
}

/**
 * An object calls this before it uses the configuration: on the platform it may run in an isolate that no request reached.
 * @throws OwnerUnknown
 */
export async function requireOwner(env: Env, background: (work: Promise<unknown>) => void): Promise<void> {
  if (!isOwned() && (await answerUnowned(env, background)))
    throw new OwnerUnknown("it is not known whose the deployment is")
}

function isKnown(env: Env): boolean {
  try {
    configOf(env)
  } catch (error) {
    if (!(error instanceof OwnerUnknown)) throw error
  }
  return isOwned()
}

export const SECRET_NEEDED =
  "Set the secret CLAIM of the deployment to a random text of at least 128 bits, as `openssl rand -hex 32` prints it."

const textOf = (claim: string): string =>
  `Nobody owns this Narrowgate yet, so it decides nothing. ${isStrong(claim) ? "" : `${SECRET_NEEDED} `}Its operator ` +
  `runs \`narrowgate claim --url URL\`, which asks for the secret CLAIM and registers the publisher's key.`

function unavailable(error: "unclaimed" | "unavailable", description: string): Response {
  const headers = { "Cache-Control": "no-store", "Retry-After": "5", "X-Narrowgate-Code": "unavailable" }
  return Response.json({ error, error_description: description }, { status: 503, headers })
}
