/** A task to which its user consents elsewhere (OpenID CIBA Core, poll mode). */
import { slept } from "./clock.ts"
import { ConsentRequiredError, NarrowgateError } from "./errors.ts"
import { GRANT, type IssuedToken, type Issuer, type TokenRequest } from "./issuer.ts"
import { claimsOf, definedOf, textAt } from "./json.ts"
import type { ProofKey } from "./proof-key.ts"
import type { ConsentRequest } from "./task.ts"

/** Milliseconds that the issuer wants in addition, if it is polled too often. */
const SLOWER = 5_000

/**
 * Requests a token, and the consent of the user if the issuer requires it.
 *
 * @param onConsent shows the user where they answer
 * @throws {ConsentRequiredError} without `onConsent`, or if the session does not say who its user is
 * @throws {NarrowgateError} `token_refused`: `access_denied` if the user rejects it, `expired_token` if they do not answer
 */
export async function withConsent(
  issuer: Issuer,
  request: TokenRequest,
  key: ProofKey | null,
  onConsent: ((request: ConsentRequest) => void | Promise<void>) | undefined,
): Promise<IssuedToken> {
  try {
    return await issuer.request(request, key)
  } catch (thrown) {
    const hint = hintOf(request)
    if (!onConsent || !hint || !(thrown instanceof ConsentRequiredError)) throw thrown
    return answered(issuer, key, { ...wantedBy(request), ...hint }, thrown.scope, onConsent)
  }
}

async function answered(
  issuer: Issuer,
  key: ProofKey | null,
  parameters: Readonly<Record<string, string>>,
  scope: string,
  onConsent: (request: ConsentRequest) => void | Promise<void>,
): Promise<IssuedToken> {
  const { id, task, life, interval } = await issuer.requestConsent(parameters)
  const expiresAt = Date.now() + life * 1000
  await onConsent({ url: `${issuer.id}/console/approvals/${task}`, scope, expiresAt })
  for (let pause = Math.max(1, interval) * 1000; ;) {
    await slept(pause, Infinity, issuer.reach.signal)
    // The issuer says that it has expired, by its own clock: it is polled once after that, and not for ever.
    const isLast = Date.now() > expiresAt
    try {
      return await issuer.request({ grant: GRANT.consent, parameters: { auth_req_id: id } }, key)
    } catch (thrown) {
      if (isLast || !(thrown instanceof NarrowgateError)) throw thrown
      const { code, refusal } = thrown
      // An outage, or a connection that broke off: the user may consent all the same.
      const isOutage = code === "issuer_unreachable" || refusal?.retryAfter !== undefined
      if (refusal?.error === "slow_down") pause += SLOWER
      else if (!isOutage && refusal?.error !== "authorization_pending") throw thrown
    }
  }
}

/** What the task is to do, without what proves the user. */
const wantedBy = ({ parameters: { scope, authorization_details, purpose, resource } }: TokenRequest) =>
  definedOf({ scope, authorization_details, purpose, resource })

/** The user of the session (CIBA Core, section 7.1). Null: it does not say who that is, or there is none. */
function hintOf({ parameters }: TokenRequest): Readonly<Record<string, string>> | null {
  const { subject_token: session, subject_token_type: type = "", assertion } = parameters
  if (session !== undefined && type.endsWith(":id_token")) return { id_token_hint: session }
  const claims = claimsOf(session ?? assertion ?? "")
  const [issuer, subject] = [textAt(claims, "iss"), textAt(claims, "sub")]
  return issuer === undefined || subject === undefined ? null : { login_hint: `${issuer}|${subject}` }
}
