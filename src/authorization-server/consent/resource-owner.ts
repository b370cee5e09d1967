/**
 * The resource owner: the user whom the session at our own pages authenticates. An older sign-in is repeated. A token that
 * an app holds for a user is no session of ours, so no agent can consent for its own user.
 */
import type { Person } from "../../credentials/person.ts"
import { namesIn, personIn, verifyPersonToken } from "../../credentials/person-token.ts"
import { isRejected } from "../../core/denials/terms/credential-rejection.ts"
import { readForm, type Form } from "../../web/form.ts"
import { seeOther } from "../../web/page.tsx"
import type { Bundle } from "../../core/policy/assemble.ts"
import { userId } from "../../core/policy/principals.ts"
import { MAX_RETURN, signInLocation } from "../../web/sign-in.tsx"
import { sessionOf, type SignedIn } from "../../web/session.ts"
import { type RequestContext } from "../../request-context.ts"
import { currentSwitches } from "../../revocation/lease.ts"
import { stoppedBy } from "../../core/signals/switch.ts"
import { isOAuthFailure, oauthError, credentialError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { rawTarget } from "../../platform/raw-target.ts"

export interface ResourceOwner {
  readonly session: SignedIn
  readonly person: Person
}

/** The consent page is shown only after a recent sign-in: another person may sit at the desk by now. */
const SHOWN_WITHIN_MS = 300_000
/** The time to read the page and answer. */
export const ANSWERED_WITHIN_MS = 900_000
/** A user who has just signed in is not sent to the sign-in again, which would loop. */
const JUST_SIGNED_IN_MS = 30_000

/** @returns the owner, or a redirect to the sign-in, which returns to this URL */
export async function resourceOwnerOf(
  http: Request,
  bundle: Bundle,
  context: RequestContext,
): Promise<ResourceOwner | Response | OAuthFailure> {
  const session = await sessionOf(http, context)
  const age = session ? context.receivedAt - session.issuedAt : Number.POSITIVE_INFINITY
  const isRecent = age < (http.method === "POST" ? ANSWERED_WITHIN_MS : SHOWN_WITHIN_MS)
  if (!session || !isRecent) return signIn(http)
  const person = await personOf(session, bundle, context)
  if (!isOAuthFailure(person)) return { session, person }
  const mayHelp = person.refused.reason !== "unavailable" && age >= JUST_SIGNED_IN_MS
  return mayHelp ? signIn(http) : person
}

async function personOf({ token }: SignedIn, bundle: Bundle, context: RequestContext): Promise<Person | OAuthFailure> {
  const { config, fetchContext } = context
  const verified = await verifyPersonToken(token, bundle.issuers, config.issuer, fetchContext)
  if (isRejected(verified)) return credentialError("person_refused", verified.rejected)
  const person = personIn(verified, fetchContext)
  if (isRejected(person)) return credentialError("person_refused", person.rejected)
  const switches = await currentSwitches(context)
  if (!switches) return oauthError({ reason: "unavailable" })
  const affected = { agents: [], kid: null, tool: null, since: person.issuedAt }
  const [by] = namesIn(verified, fetchContext).flatMap(
    (name) => stoppedBy(switches, { ...affected, user: userId(name) }) ?? [],
  )
  return by ? oauthError({ reason: "stopped", switch: by.id }) : person
}

function signIn(http: Request): Response | OAuthFailure {
  const here = rawTarget(http)
  if (here.length > MAX_RETURN) return oauthError({ reason: "request_malformed", what: "its URL is too long" })
  return seeOther(signInLocation(here))
}

/** The form of the consent page. */
export async function answerOf(
  http: Request,
  { session }: ResourceOwner,
  issuer: string,
): Promise<Form | OAuthFailure> {
  const form = await readForm(http, session, issuer)
  return "refused" in form ? oauthError({ reason: "form_refused", what: form.refused }) : form
}
