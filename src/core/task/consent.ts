/**
 * A person's consent to a task before it begins: what the agent requested, what the person answered, and the result.
 * The person is elsewhere and answers later (OpenID CIBA), or is at their browser and has answered before
 * (authorization code). Meanwhile the task is pending: in the person's ledger if they have answered, otherwise in the
 * agent's (ledger/consents.ts says why). When its agent requests the token, everything is evaluated again by the
 * current rules and facts. Pure, like `openTask`.
 */
import { isSame } from "../encoding/constant-time.ts"
import type { Bundle } from "../policy/assemble.ts"
import { userId, type UserFacts } from "../policy/principals.ts"
import { newLedger, type TreeState } from "./state.ts"
import type { PresentedCode } from "./authorization-code.ts"
import { openTask } from "./open.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import { mayBeFor, unknownAudience } from "./audience.ts"
import type { OpenRequest } from "./open-request.ts"
import type { Opened } from "./opening-step.ts"
import type { Consent } from "./pending-consent.ts"
import { NO_CLIENT } from "./renew.ts"
import type { Task } from "./task.ts"

/**
 * The least interval between two polls, in seconds (CIBA, section 7.3); an earlier poll adds as much to it (section
 * 11).
 */
export const POLL_INTERVAL_SECONDS = 5

/** What the ledger remembers of polls; losing it only loosens the interval. */
export interface Polling {
  readonly interval: number
  /** Milliseconds since the epoch. */
  readonly lastAt: number
}
export const NOT_POLLED: Polling = { interval: POLL_INTERVAL_SECONDS, lastAt: Number.NEGATIVE_INFINITY }

/**
 * Previews the task. Until the person has answered, their groups are unknown, and so is what policy lets them delegate.
 * @returns the pending task, and how long it would live; no token is issued
 */
export function previewTask(
  bundle: Bundle,
  state: TreeState,
  consent: Consent,
  now: number,
): { readonly task: Opened["task"]; readonly life: number } | OAuthFailure {
  const { answer, kept, expiresAt } = consent
  const by = { audience: consent.audience, jkt: "unknown yet", token: "" }
  const openRequest = requestOf(consent, { ...by, approvals: answer ? ["user"] : [] })
  const request = {
    ...openRequest,
    sessionExpiresAt: answer?.until ?? null,
    isPreview: answer === null,
    ...(kept && { kept }),
  }
  // A request to a person who is elsewhere waits in the ledger of its agent: what that agent has, and does, for nobody says
  // nothing about the task, which opens in the person's ledger.
  const ledger = consent.code ? state.ledger : newLedger(state.ledger.bundle, now, state.ledger.proofs)
  const opened = openTask(bundle, { ...state, ledger, user: answer ? answer.person : state.user }, request, now)
  if (isOAuthFailure(opened)) return opened
  const { task } = opened
  // Fresher sessions may extend it so far.
  const latest = task.extendable?.until ?? task.expiresAt
  return { task: { ...task, jkt: null, status: "pending", expiresAt }, life: latest - now }
}

/** The client's request for the token. */
export interface Redemption {
  readonly secretHash: string
  readonly agent: string
  /** The audience that the request names. Null if it names none. */
  readonly audience: string | null
  readonly jkt: string | null
  /** `jti` of the token to be issued. */
  readonly token: string
  /** What the client presents with an authorization code. Absent if it polls. */
  readonly shown?: PresentedCode
}

/** Why there is no token, now or ever; or what is to be opened for the person who has answered. */
export function requestForConsented(
  bundle: Bundle,
  state: TreeState,
  consent: Consent,
  redemption: Redemption,
  polling: Polling,
  now: number,
): ConsentedRequest | OAuthFailure {
  const { secretHash, agent } = redemption
  const isOneKind = (consent.code === undefined) === (redemption.shown === undefined)
  const isTheirs = consent.agent === agent && isSame(consent.secretHash, secretHash)
  if (!isOneKind || !isTheirs || consent.isRedeemed) return unknownConsent(redemption)
  const { answer } = consent
  if (answer && !answer.approved) return oauthError({ reason: "consent_refused" })
  if (now >= consent.expiresAt) {
    return oauthError(consent.code ? { reason: "grant_refused", what: "expired" } : { reason: "consent_expired" })
  }
  if (consent.code && !bundle.agents.get(agent)?.client) return oauthError(NO_CLIENT)
  // An operator, or a revocation of theirs, has ended it meanwhile: nothing is opened any more.
  const pending = pendingTask(state)
  if (!pending) return unknownConsent(redemption)
  if (!answer) {
    const isSoon = now - polling.lastAt < polling.interval * 1000
    return oauthError(isSoon ? { reason: "polled_too_soon" } : { reason: "consent_pending" })
  }
  const audience = redemption.audience ?? consent.audience
  // By the current registry.
  if (!mayBeFor(bundle, agent, audience)) return unknownAudience(audience, bundle)
  const { person, until: sessionExpiresAt, since } = answer
  const { jkt, token } = redemption
  const openRequest = requestOf(consent, { audience, jkt, token, approvals: ["user"] })
  // No more than the person was shown, whatever the current rules allow.
  const shown = { task: pending, life: consent.life }
  return { ...openRequest, user: person, sessionExpiresAt, since, shown }
}

/** A request that a person has consented to. */
export interface ConsentedRequest extends OpenRequest {
  readonly user: UserFacts
}

/** Opens the task that waited in this very tree. */
export function openConsented(
  bundle: Bundle,
  state: TreeState,
  request: ConsentedRequest,
  now: number,
): Opened | OAuthFailure {
  const { user, since } = request
  const opened = openTask(bundle, { ...state, user, since }, request, now)
  return isOAuthFailure(opened) ? opened : { ...opened, opening: { ...opened.opening, session: { user, since } } }
}

/** One error, whether there is no such consent, it is another client's, or it has expired. */
export function unknownConsent({ shown }: Redemption): OAuthFailure {
  return oauthError(shown ? { reason: "grant_refused", what: "unknown" } : { reason: "consent_unknown" })
}

/** The state after a poll that was answered by this error. */
export function pollingAfter(polling: Polling, { refused }: OAuthFailure, now: number): Polling {
  const isSoon = refused.reason === "polled_too_soon"
  // A poll by another client must not slow down the one that requested the consent.
  if (!isSoon && refused.reason !== "consent_pending") return polling
  return { interval: polling.interval + (isSoon ? POLL_INTERVAL_SECONDS : 0), lastAt: now }
}

/** Whether this person may answer: the consent is requested of them, is not answered, and has not expired. */
export function mayAnswer(state: TreeState, consent: Consent, person: UserFacts, now: number): boolean {
  const isTheirs = userId(consent.user) === userId(person)
  return isTheirs && pendingTask(state) !== null && consent.answer === null && now < consent.expiresAt
}

function pendingTask({ tasks, root }: TreeState): Task | null {
  const task = tasks.get(root)
  return task?.status === "pending" ? task : null
}

function requestOf(
  { agent, user, purpose, asked }: Consent,
  by: Pick<OpenRequest, "audience" | "jkt" | "token" | "approvals">,
): OpenRequest {
  const none = { sessionExpiresAt: null, sessionClient: null, since: 0, parent: null, task: null } as const
  return { agent, user, ...none, purpose, asked, caps: [], ...by }
}
