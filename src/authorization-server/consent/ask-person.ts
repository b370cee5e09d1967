/**
 * Shows the consent page, or handles its answer. For both, the largest possible task is computed anew by the current
 * rules and the current claims of the user.
 */
import { isSame } from "../../core/encoding/constant-time.ts"
import type { Person } from "../../credentials/person.ts"
import { sha256Base64url, sha256Hex } from "../../core/encoding/hash.ts"
import { timeOf } from "../../core/encoding/ids.ts"
import { locationOf } from "../../core/task/audience.ts"
import { askByNewest, askLedger } from "../../ledger/ask.ts"
import { LEDGER_VERSION, type ConsentOutcome } from "../../ledger/protocol.ts"
import { Proofs } from "../../core/task/proof-log.ts"
import { newLedger, newTree, type TreeState } from "../../core/task/state.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { PurposeDefinition } from "../../core/policy/definition/agents.ts"
import type { UserFacts } from "../../core/policy/principals.ts"
import { type RequestContext } from "../../request-context.ts"
import type { AuthorizationRequest } from "./authorization-request.ts"
import { pageOf, readAnswer, pageFieldOf } from "../../core/task/consent-form.ts"
import { consentPage } from "./consent-page.tsx"
import { viewOfConsent, type ConsentView } from "../../core/task/consent-view.ts"
import { previewTask } from "../../core/task/consent.ts"
import type { GrantReduction } from "../../core/task/grant.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import type { ConsentResponse, Consent } from "../../core/task/pending-consent.ts"
import { newTaskId } from "../../platform/task-id.ts"
import { rawTarget } from "../../platform/raw-target.ts"
import { ANSWERED_WITHIN_MS, answerOf, type ResourceOwner } from "./resource-owner.ts"

/** The lifetime of an authorization code (RFC 6749, section 4.1.2: ten minutes at most). The waiting client redeems it at once. */
const CODE_LIFE_MS = 60_000

/** The HTTP request, with what is needed to decide it. */
interface ConsentContext {
  readonly http: Request
  readonly bundle: Bundle
  readonly context: RequestContext
  /** The id of the decision. */
  readonly id: string
}

/** The error of a request that no user could allow. It is found before anybody has to sign in. */
export function checkForAnyUser(
  request: AuthorizationRequest,
  bundle: Bundle,
  { receivedAt }: RequestContext,
): OAuthFailure | null {
  const anybody = { issuer: "", subject: "", groups: [] }
  const draft = consentTo(request, anybody, null, "", receivedAt)
  const preview = previewTask(bundle, treeFor(anybody, "", bundle, receivedAt), draft, receivedAt)
  return isOAuthFailure(preview) ? preview : null
}

export async function askPerson(
  consentContext: ConsentContext,
  request: AuthorizationRequest,
  owner: ResourceOwner,
): Promise<Response | OAuthFailure | { readonly code: string }> {
  const { http, bundle, context } = consentContext
  const { config, receivedAt } = context
  const { user } = owner.person
  const draft = consentTo(request, user, approvalBy(owner.person), "", receivedAt)
  const preview = previewTask(bundle, treeFor(user, "", bundle, receivedAt), draft, receivedAt)
  if (isOAuthFailure(preview)) return preview
  const purpose = bundle.purposes.get(preview.task.purpose)
  const view = viewOfConsent(preview.task, preview.life, bundle.catalog.tools)
  const digestAs = (page: string): string =>
    pageFieldOf(page, digestOf(page, consentContext, request, purpose, view, owner))
  const show = async (notice: string | null): Promise<Response> =>
    consentPage({
      request,
      purpose,
      view,
      owner,
      notice,
      pageField: digestAs(newTaskId(context.env, user, receivedAt)),
    })
  if (http.method !== "POST") return show(null)
  const form = await answerOf(http, owner, config.issuer)
  if (isOAuthFailure(form)) return form
  const answered = readAnswer(form, view.by)
  if (!answered) return oauthError({ reason: "form_refused", what: "no answer" })
  const page = pageOf(answered.pageField)
  if (page === null || !isRecent(page, receivedAt) || !isSame(answered.pageField, digestAs(page))) {
    return answered.allows ? show(CHANGED) : oauthError({ reason: "consent_refused" })
  }
  // The same answer of the same page has the same code, so a second click of the button has the result of the first.
  const secret = sha256Base64url(JSON.stringify([owner.session.codeKey, page, answered.reduction]))
  const code = { code: `${page}.${secret}` }
  const before = await askLedger(
    context.env,
    page,
    async (ledger) => ledger.answered(page, sha256Hex(secret)),
    locationOf(bundle, draft.audience),
  )
  if (before === null) return oauthError({ reason: "unavailable" })
  if (before === "same" && answered.allows) return code
  if (before !== "not yet") return show(ANSWERED)
  if (!answered.allows) return oauthError({ reason: "consent_refused" })
  if (answered.reduction.tools?.length === 0) return show("Select at least one tool, or choose Don't allow.")
  const consent = { ...draft, secretHash: sha256Hex(secret), kept: within(answered.reduction, view) }
  const stored = await storeConsent(consentContext, page, consent)
  if (isOAuthFailure(stored)) return stored
  return "answered" in stored ? show(ANSWERED) : code
}

const CHANGED = "The access has changed since you opened this page. Please review it again."
const ANSWERED = "You have already answered this page. Allow it again only if the program needs one more task."

/** The id of a page is the id of its task, which contains the time when it was shown. */
function isRecent(page: string, now: number): boolean {
  const shownAt = timeOf(page)
  return shownAt !== null && Math.abs(now - shownAt) < ANSWERED_WITHIN_MS
}

/**
 * The digest of all that the page shows, so that a form answers only the request of its page. It covers the client: its
 * metadata document may change its redirect URIs or its name in the meantime. It covers the audience, which the registry
 * gives to a request that names none.
 */
function digestOf(
  page: string,
  { http }: ConsentContext,
  { client, audience }: AuthorizationRequest,
  purpose: PurposeDefinition | undefined,
  view: ConsentView,
  { session }: ResourceOwner,
): string {
  const { agent, redirectUri, claimedName, isProven } = client
  const program = [agent.id, agent.owner, redirectUri, claimedName, isProven]
  const parts = [rawTarget(http), ...program, audience, purpose?.description ?? null, view.digest]
  return sha256Hex(JSON.stringify([session.codeKey, page, ...parts]))
}

function treeFor(user: UserFacts, root: string, { pointer }: Bundle, now: number): TreeState {
  return newTree(newLedger(pointer, now, new Proofs("", now)), root, user, now)
}

const approvalBy = ({ user, expiresAt: until, issuedAt: since }: Person): ConsentResponse => ({
  approved: true,
  person: user,
  until,
  since,
})

/** Limits the lifetime to the one that the page has shown. */
function within({ tools, calls, life }: GrantReduction, view: ConsentView): GrantReduction {
  return { tools, calls, life: Math.min(life ?? view.life, view.life) }
}

function consentTo(
  { client, purpose, requested: asked, audience, terms }: AuthorizationRequest,
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
 * Stores the consent in the ledger until the client redeems its code.
 * @returns `answered` if another answer of the same page came first
 */
async function storeConsent(
  { bundle, context, id: decisionId }: ConsentContext,
  root: string,
  consent: Consent,
): Promise<OAuthFailure | ConsentOutcome> {
  const { env, receivedAt } = context
  const reply = await askByNewest<ConsentOutcome | OAuthFailure>(
    env,
    root,
    bundle.pointer,
    async (ledger, pointer) => ledger.ask(LEDGER_VERSION, pointer, root, consent, { decisionId, receivedAt }),
    locationOf(bundle, consent.audience),
  )
  return !reply || "bundle" in reply ? oauthError({ reason: "unavailable" }) : reply
}
