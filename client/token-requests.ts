/** The requests of an agent to the token endpoint (RFC 8693; RFC 6749, section 4.4; RFC 7523). */
import { GRANT, TOKEN_TYPE, type TokenRequest } from "./issuer.ts"
import { NarrowgateError } from "./errors.ts"
import { claimsOf, isToken } from "./json.ts"
import type { HandOver, OpenTaskOptions, SavedTask, ScopeText, Session, SessionToken } from "./task.ts"

/** By the names of the token endpoint, but for the session. */
export type Requested = SavedTask["requested"] & Pick<OpenTaskOptions, "session">

export const renewal = (token: string): TokenRequest => ({
  grant: GRANT.exchange,
  parameters: { subject_token: token, subject_token_type: `${TOKEN_TYPE}access_token`, resource: audienceOf(token) },
})

/** A task keeps its audience, and each request of an agent that has several names it. */
export function audienceOf(token: string): string | undefined {
  const aud = claimsOf(token)?.["aud"]
  return typeof aud === "string" ? aud : undefined
}

export const withParameters = (
  { grant, parameters }: TokenRequest,
  more: TokenRequest["parameters"],
): TokenRequest => ({
  grant,
  parameters: { ...parameters, ...more },
})

export const scopeMember = (scope: ScopeText | undefined): { readonly scope?: string } =>
  scope === undefined ? {} : { scope: typeof scope === "string" ? scope : scope.join(" ") }

/** @throws {NarrowgateError} `session_failed` */
export async function sessionRequest(session: Session): Promise<TokenRequest> {
  const { token, type } = await sessionToken(session).catch((cause: unknown) => {
    throw new NarrowgateError("session_failed", "there is no session of the user", { cause })
  })
  if (type === "id_jag") return { grant: GRANT.assertion, parameters: { assertion: token } }
  const parameters = { subject_token: token, subject_token_type: `${TOKEN_TYPE}${type}` }
  return { grant: GRANT.exchange, parameters }
}

async function sessionToken(session: Session): Promise<SessionToken> {
  const given = typeof session === "function" ? await session() : session
  const proof: SessionToken = typeof given === "string" ? { token: given, type: "access_token" } : given
  if (!isToken(proof.token)) throw new TypeError("it is no token")
  return proof
}

export async function openingRequest({ session, ...requested }: Requested, parent?: HandOver): Promise<TokenRequest> {
  if (parent) return withParameters(renewal(parent.token), { ...requested, handover: parent.handover })
  if (session === undefined) return { grant: GRANT.own, parameters: requested }
  return withParameters(await sessionRequest(session), requested)
}
