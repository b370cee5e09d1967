/**
 * Asks a person at their browser what a program is to have, or takes their answer. What the task would be at most is
 * worked out anew for both, by the rules and the person of now.
 */
import { isSame } from "../../core/encoding/constant-time.ts"
import type { Person } from "../../credentials/person.ts"
import { sha256Base64url, sha256Hex } from "../../core/encoding/hash.ts"
import { timeOf } from "../../core/encoding/ids.ts"
import { askLedger } from "../../ledger/ask.ts"
import { LEDGER_VERSION, type AskOutcome, type NoBundle } from "../../ledger/protocol.ts"
import { ProofLog } from "../../core/task/proof-log.ts"
import { newTree, type TreeState } from "../../core/task/state.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { PurposeDefinition } from "../../core/policy/definition/agents.ts"
import { userId, type UserFacts } from "../../core/policy/principals.ts"
import { type RequestContext } from "../../request-context.ts"
import type { AuthorizationRequest } from "./authorization-request.ts"
import { pageOf, readAnswer, shownField } from "../../core/task/consent-form.ts"
import { consentPage } from "./consent-page.tsx"
import { viewOfConsent, type ConsentView } from "../../core/task/consent-view.ts"
import { previewTask } from "../../core/task/consent.ts"
import type { GrantReduction } from "../../core/task/grant.ts"
import { reserveSlot, type Slot } from "../../ledger/task-quota.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import type { ConsentResponse, Consent } from "../../core/task/pending-consent.ts"
import { newId } from "../../platform/new-id.ts"
import { rawTarget } from "../../platform/raw-target.ts"
import { ANSWERED_WITHIN_MS, answerOf, type ResourceOwner } from "./resource-owner.ts"

/** A code is fetched at once by the program that waits for it (RFC 6749 4.1.2: ten minutes at most). */
const CODE_LIFE_MS = 60_000

/** A request to us with all that it is judged by. */
interface Asking {
  readonly http: Request
  readonly bundle: Bundle
  readonly context: RequestContext
  /** Of the decision. */
  readonly id: string
}

/** Why nobody at all could allow it: nobody has to sign in to find that out. */
export function checkForAnybody(
  request: AuthorizationRequest,
  bundle: Bundle,
  { receivedAt }: RequestContext,
): OAuthFailure | null {
  const anybody = { issuer: "", subject: "", groups: [] }
  const wanted = consentTo(request, anybody, null, "", receivedAt)
  const foreseen = previewTask(bundle, treeFor(anybody, "", bundle, receivedAt), wanted, receivedAt)
  return isOAuthFailure(foreseen) ? foreseen : null
}

export async function askPerson(
  asking: Asking,
  request: AuthorizationRequest,
  visitor: ResourceOwner,
): Promise<Response | OAuthFailure | { readonly code: string }> {
  const { http, bundle, context } = asking
  const { config, receivedAt } = context
  const { user } = visitor.person
  const wanted = consentTo(request, user, yesOf(visitor.person), "", receivedAt)
  const foreseen = previewTask(bundle, treeFor(user, "", bundle, receivedAt), wanted, receivedAt)
  if (isOAuthFailure(foreseen)) return foreseen
  const purpose = bundle.purposes.get(foreseen.task.purpose)
  const view = viewOfConsent(foreseen.task, foreseen.life, bundle.catalog.tools)
  const shownAs = (page: string): string => shownField(page, digestOf(page, asking, request, purpose, view, visitor))
  const show = async (notice: string | null): Promise<Response> =>
    consentPage({ request, purpose, view, visitor, notice, shown: shownAs(newId("tsk", receivedAt)) })
  if (http.method !== "POST") return show(null)
  const form = await answerOf(http, visitor, config.issuer)
  if (isOAuthFailure(form)) return form
  const answered = readAnswer(form, view.by)
  if (!answered) return oauthError({ reason: "form_refused", what: "no answer" })
  const page = pageOf(answered.shown)
  if (page === null || !isRecent(page, receivedAt) || !isSame(answered.shown, shownAs(page))) {
    return answered.allows ? show(CHANGED) : oauthError({ reason: "consent_refused" })
  }
  // The same answer of the same page has the same code: a second click of the button repeats the first one's outcome.
  const secret = sha256Base64url(JSON.stringify([visitor.session.codeKey, page, answered.kept]))
  const code = { code: `${page}.${secret}` }
  const before = await askLedger(context.env, page, async (ledger) => ledger.answered(sha256Hex(secret)))
  if (before === null) return oauthError({ reason: "unavailable" })
  if (before === "same" && answered.allows) return code
  if (before !== "not yet") return show(ANSWERED)
  if (!answered.allows) return oauthError({ reason: "consent_refused" })
  if (answered.kept.tools?.length === 0) return show("Leave at least one tool, or refuse.")
  const consent = { ...wanted, secretHash: sha256Hex(secret), kept: within(answered.kept, view) }
  const outcome = await keep(asking, page, consent)
  if (isOAuthFailure(outcome)) return outcome
  return "answered" in outcome ? show(ANSWERED) : code
}

const CHANGED = "What it may do has changed in the meantime. Please look once more."
const ANSWERED =
  "You have answered this page already, and that answer holds. Allow this only if the program is to have one more task."

/** The id of a page is the id of its task, and says when it was shown. */
function isRecent(page: string, now: number): boolean {
  const shownAt = timeOf(page)
  return shownAt !== null && Math.abs(now - shownAt) < ANSWERED_WITHIN_MS
}

/**
 * Of all that is answered, so that a form is no answer to another request than its page was about. Who asks is part of it:
 * by its own document a program may be sent elsewhere, or be called otherwise, meanwhile. So is the audience, which the
 * registry gives to a request that names none.
 */
function digestOf(
  page: string,
  { http }: Asking,
  { client, audience }: AuthorizationRequest,
  purpose: PurposeDefinition | undefined,
  view: ConsentView,
  { session }: ResourceOwner,
): string {
  const { agent, redirectUri, claimedName, isProven } = client
  const program = [agent.id, agent.owner, redirectUri, claimedName, isProven]
  const shownParts = [rawTarget(http), ...program, audience, purpose?.description ?? null, view.digest]
  return sha256Hex(JSON.stringify([session.codeKey, page, ...shownParts]))
}

function treeFor(user: UserFacts, root: string, { pointer }: Bundle, now: number): TreeState {
  return newTree(root, user, now, pointer, now, new ProofLog("", now))
}

const yesOf = ({ user, expiresAt: until, issuedAt: since }: Person): ConsentResponse => ({
  approved: true,
  person: user,
  until,
  since,
})

/** A longer life than the page has shown is none. */
function within({ tools, calls, life }: GrantReduction, view: ConsentView): GrantReduction {
  return { tools, calls, life: Math.min(life ?? view.life, view.life) }
}

function consentTo(
  { client, purpose, asked, audience, terms }: AuthorizationRequest,
  user: UserFacts,
  answer: ConsentResponse | null,
  secretHash: string,
  now: number,
): Consent {
  return {
    secretHash,
    agent: client.agent.id,
    user,
    purpose,
    asked,
    audience,
    bindingMessage: null,
    expiresAt: now + CODE_LIFE_MS,
    life: 0,
    answer,
    isRedeemed: false,
    code: terms,
  }
}

/**
 * A place among the agent's trees for this person; then the ledger, which waits for the program to come.
 * @returns `answered` if another answer of the same page came first
 */
async function keep(
  { bundle, context, id: decisionId }: Asking,
  root: string,
  consent: Consent,
): Promise<OAuthFailure | AskOutcome> {
  const { agent, user, expiresAt } = consent
  const place = await reserveSlot(root, agent, userId(user), expiresAt, bundle, context)
  if (isOAuthFailure(place)) return place
  const { env, receivedAt } = context
  const reply = await askLedger(env, root, async (ledger): Promise<AskOutcome | OAuthFailure | NoBundle> =>
    ledger.ask(LEDGER_VERSION, bundle.pointer, root, consent, { decisionId, receivedAt }),
  )
  const result = !reply || "bundle" in reply ? oauthError({ reason: "unavailable" }) : reply
  if (isOAuthFailure(result)) context.background(undoUnlessOpen(place, consent, env))
  return result
}

/**
 * Gives the place back only if the ledger says that there is no tree: its reply may be lost, and another answer of the
 * same page may have opened the tree. If the ledger does not answer, the place is free again when the code has expired.
 */
async function undoUnlessOpen({ root, undo }: Slot, { secretHash }: Consent, env: Env): Promise<void> {
  const found = await askLedger(env, root, async (ledger) => ledger.answered(secretHash))
  if (found === "not yet") await undo()
}
