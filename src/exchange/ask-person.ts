/**
 * Asks a person at their browser what a program is to have, or takes their answer. What the task would be at most is
 * worked out anew for both, by the rules and the person of now.
 */
import type { Person } from "../credential/person.ts"
import { sha256Hex } from "../hash.ts"
import { newId } from "../ids.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION, type NoBundle } from "../ledger/answers.ts"
import { ProofLog } from "../ledger/proof-log.ts"
import { newTree, type TreeState, type UserFacts } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { PurposeDefinition } from "../policy/definition/agents.ts"
import { userId } from "../policy/facts.ts"
import { newSecret } from "../secret.ts"
import type { Surroundings } from "../surroundings.ts"
import type { AuthorizationRequest } from "./authorization-request.ts"
import { readAnswer } from "./consent-form.ts"
import { consentPage } from "./consent-page.tsx"
import { viewOfConsent, type ConsentView } from "./consent-view.ts"
import { foresee, type Answer, type Consent } from "./consent.ts"
import type { Kept } from "./grant.ts"
import { takePlace } from "./openings.ts"
import { isRefused, refuse, type Refused } from "./refusal.ts"
import { answerOf, type Visitor } from "./visitor.ts"

/** A code is fetched at once by the program that waits for it (RFC 6749 4.1.2: ten minutes at most). */
const CODE_LIFE_MS = 60_000

/** A request to us with all that it is judged by. */
interface Asking {
  readonly http: Request
  readonly bundle: Bundle
  readonly around: Surroundings
  /** Of the decision. */
  readonly id: string
}

/** Why nobody at all could allow it: nobody has to sign in to find that out. */
export function checkForAnybody(
  request: AuthorizationRequest,
  bundle: Bundle,
  { receivedAt }: Surroundings,
): Refused | null {
  const anybody = { issuer: "", subject: "", groups: [] }
  const wanted = consentTo(request, anybody, null, "", receivedAt)
  const foreseen = foresee(bundle, treeFor(anybody, "", bundle, receivedAt), wanted, receivedAt)
  return isRefused(foreseen) ? foreseen : null
}

export async function askPerson(
  asking: Asking,
  request: AuthorizationRequest,
  visitor: Visitor,
): Promise<Response | Refused | { readonly code: string }> {
  const { http, bundle, around } = asking
  const { config, receivedAt } = around
  const [root, secret] = [newId("tsk", receivedAt), newSecret()]
  const { user } = visitor.person
  const wanted = consentTo(request, user, yesOf(visitor.person), sha256Hex(secret), receivedAt)
  const foreseen = foresee(bundle, treeFor(user, root, bundle, receivedAt), wanted, receivedAt)
  if (isRefused(foreseen)) return foreseen
  const purpose = bundle.purposes.get(foreseen.task.purpose)
  const view = about(request.client, purpose, viewOfConsent(foreseen.task, foreseen.life, bundle.catalog.tools))
  const show = async (notice: string | null): Promise<Response> =>
    consentPage({ request, purpose, view, visitor, notice })
  if (http.method !== "POST") return show(null)
  const form = await answerOf(http, visitor, config.issuer)
  if (isRefused(form)) return form
  const answered = readAnswer(form, view.by)
  if (!answered) return refuse({ reason: "form_refused", what: "no answer" })
  if (!answered.allows) return refuse({ reason: "consent_refused" })
  if (answered.digest !== view.digest) return show("What it may do has changed in the meantime. Please look once more.")
  if (answered.kept.tools?.length === 0) return show("Leave at least one tool, or refuse.")
  const kept = await keep(asking, root, { ...wanted, kept: within(answered.kept, view) })
  return isRefused(kept) ? kept : { code: `${root}.${secret}` }
}

/** Who asks is part of what is said yes to: by its own document it may be sent elsewhere, or called otherwise, meanwhile. */
function about(
  { agent, redirectUri, claimedName, isProven }: AuthorizationRequest["client"],
  purpose: PurposeDefinition | undefined,
  view: ConsentView,
): ConsentView {
  const shown = [agent.id, agent.owner, redirectUri, claimedName, isProven, purpose?.description ?? null]
  return { ...view, digest: sha256Hex(JSON.stringify([view.digest, ...shown])) }
}

function treeFor(user: UserFacts, root: string, { pointer }: Bundle, now: number): TreeState {
  return newTree(root, user, now, pointer, now, new ProofLog("", now))
}

const yesOf = ({ user, expiresAt: until, issuedAt: since }: Person): Answer => ({
  approved: true,
  person: user,
  until,
  since,
})

/** A longer life than the page has shown is none. */
function within({ tools, calls, life }: Kept, view: ConsentView): Kept {
  return { tools, calls, life: Math.min(life ?? view.life, view.life) }
}

function consentTo(
  { client, purpose, asked, audience, terms }: AuthorizationRequest,
  user: UserFacts,
  answer: Answer | null,
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

/** A place among the agent's trees for this person; then the ledger, which waits for the program to come. */
async function keep(
  { bundle, around, id: decisionId }: Asking,
  root: string,
  consent: Consent,
): Promise<Refused | { readonly task: string }> {
  const { agent, user, expiresAt } = consent
  const place = await takePlace(root, agent, userId(user), expiresAt, bundle, around)
  if (isRefused(place)) return place
  const { env, receivedAt } = around
  const kept = await askLedger(env, root, async (ledger): Promise<{ task: string } | Refused | NoBundle> =>
    ledger.ask(LEDGER_VERSION, bundle.pointer, root, consent, { decisionId, receivedAt }),
  )
  const result = !kept || "bundle" in kept ? refuse({ reason: "unavailable" }) : kept
  if (isRefused(result)) around.background(place.undo())
  return result
}
