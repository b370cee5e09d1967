/**
 * `/oauth/authorize` (RFC 6749 4.1.1, 4.1.2): a program sends a person here, they see what it asks for, leave of it what
 * they like, and it gets a code. Their answer is to the same URL, which is read again from its beginning: nothing but what
 * they say is believed of their browser. GET changes nothing.
 */
import type { Context } from "hono"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { refusalRecord } from "../audit/exchange-record.ts"
import { recordOf } from "../audit/record.ts"
import type { Person } from "../credential/person.ts"
import { sha256Hex } from "../hash.ts"
import { newId } from "../ids.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION, type NoBundle } from "../ledger/answers.ts"
import { ProofLog } from "../ledger/proof-log.ts"
import { newTree, type Task } from "../ledger/state.ts"
import { Page, plainPage, respondPage } from "../page/page.tsx"
import type { Bundle } from "../policy/assemble.ts"
import { userId } from "../policy/facts.ts"
import { bundleFor, rawTarget, surroundingsOf, type Surroundings } from "../surroundings.ts"
import { currentSwitches } from "../switches/lease.ts"
import { stoppedBy } from "../switches/switch.ts"
import { askingClient } from "./asking-client.ts"
import { readRequest, stateOf, type AuthorizationRequest } from "./authorization-request.ts"
import { readAnswer } from "./consent-form.ts"
import { ConsentForm } from "./consent-page.tsx"
import { viewOfConsent, type ConsentView } from "./consent-view.ts"
import { foresee, type Consent } from "./consent.ts"
import type { Kept } from "./grant.ts"
import { takePlace } from "./openings.ts"
import { gather } from "./parameters.ts"
import { answerAt, formTargetOf } from "./redirect-uri.ts"
import { describeRefusal, isRefused, oauthErrorOf, refuse, statusOf, type Refusal, type Refused } from "./refusal.ts"
import { newSecret } from "./rooted-secret.ts"
import { answerOf, visitorOf, type Visitor } from "./visitor.ts"

/** A code is fetched at once by the program that waits for it (RFC 6749 4.1.2: ten minutes at most). */
const CODE_LIFE_MS = 60_000

/** Where the answer goes. */
interface Place {
  readonly uri: string
  readonly state: string | null
}

/** What came of it: a page, the way to the sign-in, a code for the program, or why there is none. */
type Outcome =
  | Response
  | { readonly code: string; readonly place: Place }
  /** Without a place it is shown to the person. */
  | {
      readonly refused: Refusal
      readonly place: Place | null
      readonly agent: string | null
      readonly person: Person["user"] | null
    }

/** A request to us with all that it is judged by. */
interface Asking {
  readonly http: Request
  readonly bundle: Bundle
  readonly around: Surroundings
  readonly id: string
}

export async function authorizationEndpoint(c: Context<{ Bindings: Env }>): Promise<Response> {
  const http = c.req.raw
  // Nobody has asked yet, a browser only looks ahead: nothing is shown, begun or recorded.
  if (http.method === "HEAD" || /prefetch|prerender/i.test(http.headers.get("sec-purpose") ?? "")) {
    return new Response(null, { status: 204, headers: NO_STORE })
  }
  const around = surroundingsOf(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", around.receivedAt)
  const bundle = await bundleFor(around)
  const nobody = { place: null, agent: null, person: null }
  const outcome = bundle
    ? await authorize({ http, bundle, around, id })
    : { refused: { reason: "unavailable" } as const, ...nobody }
  if (outcome instanceof Response) return outcome
  if ("code" in outcome) return sendBack(outcome.place, { code: outcome.code }, around, id)
  record(outcome, bundle, around, id)
  const { refused, place } = outcome
  if (!place) return refusalPage(refused, id)
  const error = { error: oauthErrorOf(refused), error_description: inOAuthText(describeRefusal(refused)) }
  return sendBack(place, error, around, id)
}

async function authorize(asking: Asking): Promise<Outcome> {
  const { http, bundle, around } = asking
  const { parameters, repeated } = gather(new URL(rawTarget(http), around.config.issuer).search)
  const nobody = { place: null, agent: null, person: null }
  // Of two clients or places either could be meant.
  const doubtful = repeated.find((name) => name === "client_id" || name === "redirect_uri")
  if (doubtful !== undefined) return { refused: { reason: "parameter_repeated", parameter: doubtful }, ...nobody }
  const client = await askingClient(parameters, bundle, around)
  if (isRefused(client)) return { ...client, ...nobody }
  const { id: agent } = client.agent
  const place = { uri: client.redirectUri, state: repeated.includes("state") ? null : stateOf(parameters) }
  const back = ({ refused }: Refused, person: Person["user"] | null = null): Outcome => ({
    refused,
    place,
    agent,
    person,
  })
  const [again] = repeated
  if (again !== undefined) return back(refuse({ reason: "parameter_repeated", parameter: again.slice(0, 64) }))
  const request = readRequest(parameters, client, bundle)
  if (isRefused(request)) return back(request)
  const stopped = await checkAgent(agent, around)
  if (stopped) return back(stopped)
  const visitor = await visitorOf(http, bundle, around)
  if (visitor instanceof Response) return visitor
  if (isRefused(visitor)) return { ...visitor, place: null, agent, person: null }
  const outcome = await consent(asking, request, visitor)
  if (outcome instanceof Response) return outcome
  if (!isRefused(outcome)) return { code: outcome.code, place }
  // What did not come from our page is answered where it came from: the program has nothing to do with it.
  if (outcome.refused.reason === "form_refused") return { ...outcome, place: null, agent, person: visitor.person.user }
  return back(outcome, visitor.person.user)
}

async function checkAgent(agent: string, around: Surroundings): Promise<Refused | null> {
  const switches = await currentSwitches(around)
  if (!switches) return refuse({ reason: "unavailable" })
  const by = stoppedBy(switches, { agents: [agent], user: null, kid: null, tool: null, since: around.receivedAt })
  return by && refuse({ reason: "stopped", switch: by.id })
}

/** Asks the person, or takes their answer. */
async function consent(
  asking: Asking,
  request: AuthorizationRequest,
  visitor: Visitor,
): Promise<Response | Refused | { readonly code: string }> {
  const { http, bundle, around } = asking
  const { receivedAt } = around
  const root = newId("tsk", receivedAt)
  const secret = newSecret()
  const wanted = consentTo(request, visitor.person, sha256Hex(secret), receivedAt)
  const { user, issuedAt } = visitor.person
  const state = newTree(root, user, issuedAt, bundle.pointer, receivedAt, new ProofLog("", receivedAt))
  const foreseen = foresee(bundle, state, wanted, receivedAt)
  if (isRefused(foreseen)) return foreseen
  const view = viewOfConsent(foreseen.task, foreseen.life, bundle.catalog.tools)
  const show = async (notice: string | null): Promise<Response> =>
    consentPage(request, foreseen.task, view, visitor, notice, bundle)
  if (http.method !== "POST") return show(null)
  const form = await answerOf(http, visitor, around.config.issuer)
  const answered = form && readAnswer(form, view.by)
  if (!answered) return refuse({ reason: "form_refused" })
  if (!answered.allows) return refuse({ reason: "consent_refused" })
  if (answered.digest !== view.digest) return show("What it may do has changed in the meantime. Please look once more.")
  if (answered.kept.tools?.length === 0) return show("Leave at least one tool, or refuse.")
  const kept = await keep(asking, root, { ...wanted, kept: within(answered.kept, view) })
  return isRefused(kept) ? kept : { code: `${root}.${secret}` }
}

/** The page offers no longer life than it shows; a longer one is none. */
function within({ tools, calls, life }: Kept, view: ConsentView): Kept {
  return { tools, calls, life: Math.min(life ?? view.life, view.life) }
}

function consentTo(
  { client, purpose, asked, audience, terms }: AuthorizationRequest,
  { user, expiresAt: until, issuedAt: since }: Person,
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
    answer: { approved: true, person: user, until, since },
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
  const { agent, user, audience, expiresAt } = consent
  const place = await takePlace(root, agent, userId(user), expiresAt, bundle, around)
  if (isRefused(place)) return place
  const { env, receivedAt } = around
  const kept = await askLedger(env, root, async (ledger): Promise<{ task: string } | Refused | NoBundle> =>
    ledger.ask(LEDGER_VERSION, bundle.pointer, root, consent, { decisionId, audience, receivedAt }),
  )
  const result = !kept || "bundle" in kept ? refuse({ reason: "unavailable" }) : kept
  if (isRefused(result)) around.background(place.undo())
  return result
}

async function consentPage(
  request: AuthorizationRequest,
  { purpose }: Task,
  view: ConsentView,
  { session, person }: Visitor,
  notice: string | null,
  { purposes }: Bundle,
): Promise<Response> {
  const described = { name: purpose, description: purposes.get(purpose)?.description ?? null }
  const { csrf } = session
  return respondPage(
    <Page title="Consent" reader={{ name: person.user.subject, csrf }} narrow>
      <ConsentForm request={request} purpose={described} view={view} notice={notice} csrf={csrf} />
    </Page>,
    { formTargets: [formTargetOf(request.client.redirectUri)] },
  )
}

const REFUSED_HERE: ReadonlySet<Refusal["reason"]> = new Set(["form_refused", "person_refused"])

function refusalPage(refused: Refusal, id: string): Promise<Response> {
  const said = (
    <>
      <p>{describeRefusal(refused)}</p>
      <p class="quiet">
        Nothing was allowed, and you were not sent on. Decision <code>{id}</code>.
      </p>
    </>
  )
  const status = REFUSED_HERE.has(refused.reason) ? 403 : statusOf(refused)
  const headers = { "X-Narrowgate-Decision": id, ...(status === 503 && { "Retry-After": "5" }) }
  return plainPage("This does not work", said, { status, headers })
}

const NO_STORE = { "Cache-Control": "no-store" } as const

/** RFC 9207: with our name, so that the program does not take another server's answer for ours. */
function sendBack(
  { uri, state }: Place,
  answer: Readonly<Record<string, string>>,
  { config }: Surroundings,
  id: string,
): Response {
  const Location = answerAt(uri, { ...answer, state, iss: config.issuer })
  const headers = { ...NO_STORE, Location, "Referrer-Policy": "no-referrer", "X-Narrowgate-Decision": id }
  // 303: what the person has sent us is not sent on.
  return new Response(null, { status: 303, headers })
}

/** RFC 6749 4.1.2.1 has no quotation marks in it. */
const inOAuthText = (text: string): string => text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")

function record(
  { refused, agent, person }: Exclude<Outcome, Response | { readonly code: string }>,
  bundle: Bundle | null,
  { env, receivedAt, background }: Surroundings,
  id: string,
): void {
  const made = refusalRecord(refused, agent, bundle?.pointer ?? null, id, receivedAt, Date.now())
  const by = person && {
    user: userId(person),
    groups: person.groups,
    operator: userId(person),
    kind: "approval" as const,
  }
  recordAtEdge(env, by ? recordOf({ ...made, ...by }) : made, background)
}
