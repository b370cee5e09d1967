/**
 * Read this file first: the steps of one call, which is presented → verified → located → decided. Each step takes only what the step before
 * it returned, and returns its own result or a denial. Anything thrown is a defect or an outage, and the call is
 * denied.
 */
import type { LedgerCall } from "../core/record/visible-call.ts"
import { ofGateway, ofLocated, recordEdgeDenial, type TokenStatus } from "../audit/edge-record.ts"
import { recordKey } from "../audit/record-key.ts"
import type { ShadowResult } from "../core/record/record.ts"
import { locate, type Located } from "../core/catalog/locate.ts"
import { denialByObservation } from "../core/catalog/drift.ts"
import { type DelegationClaims, type VerifiedToken, userOf } from "../credentials/delegation-token.ts"
import { verifyCredential, type VerifiedCredential } from "../credentials/verify.ts"
import { deny, isDenied, type Denial } from "../core/denials/denial.ts"
import { signerOf } from "../signing/signing-key.ts"
import type { PresentedCall } from "./presented.ts"
import { audienceOf, newerFor } from "./registry.ts"
import { askLedger, DECIDED_WITHIN_MS } from "../ledger/ask.ts"
import { packed } from "../ledger/packed-call.ts"
import { whyUnanswered } from "../platform/task-id.ts"
import { LEDGER_VERSION, type LedgerDecision, type NoBundle } from "../ledger/protocol.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { areOwnKeysDue } from "../credentials/key-sets/own-keys.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { candidateFor, type RequestContext } from "../request-context.ts"
import { currentLease, type Lease } from "../revocation/lease.ts"
import { pulledKeys } from "../core/signals/switch.ts"
import { newId } from "../platform/new-id.ts"
import { stopOf } from "../revocation/token-stop.ts"
import { type Decision, NO_IDENTITY } from "./decision.ts"
import { reportDenial, markProofUsed, shadowOfDenied } from "./denied-call.ts"
import type { Subject } from "./dialects/dialect.ts"
import { ledgerCall } from "./ledger-request.ts"
import { scopeToAsk } from "./scope-challenge.ts"
import { traceOf } from "./trace.ts"
import { transactionOf } from "./transaction-token.ts"
import { denyEarly, policyMayPermit } from "./without-ledger.ts"

export async function authorize(call: PresentedCall, bundle: Bundle, context: RequestContext): Promise<Decision> {
  const id = newId("dec", context.receivedAt)
  const denyAtEdge = (
    denial: Denial,
    verified?: VerifiedCredential,
    status: TokenStatus = "dead",
    located?: Located,
    shadowResult: ShadowResult | null = null,
  ): Decision => {
    const trace = traceOf(call)
    const fields = { ...ofGateway(call.gateway, bundle), method: call.method, trace }
    const which = located && ofLocated(located, shadowResult, bundle)
    const credential = verified ? { verified, status } : null
    const { task, tool } = recordEdgeDenial(id, "call", denial, { ...fields, ...which }, context, credential)
    const scope = verified && located ? askableScope(denial, verified, located) : null
    return { ...NO_IDENTITY, id, gateway: call.gateway, denial, task, tool, scope, trace }
  }

  const askableScope = (denial: Denial, { token }: VerifiedCredential, located: Located): string | null =>
    scopeToAsk(denial, token.claims, located, call.gateway.environment, bundle, context.receivedAt)

  // Requested now, so that a call which has to wait for several of these waits for all of them at once.
  const lease = currentLease(context)
  // The keys come with it.
  if (lease instanceof Promise && areOwnKeysDue(context.receivedAt)) await context.waits.of("lease", lease)
  const { authorization, proof, method, origin, target, gateway } = call
  const [path = ""] = target.split("?", 1)
  const presented = { authorization, proof, method, uri: origin + path }
  const { keys, config, receivedAt } = context
  const verifying = verifyCredential(presented, audienceOf(gateway), keys, config.issuer, receivedAt)
  const verified = verifying instanceof Promise ? await context.waits.of("keys", verifying) : verifying
  if (isDenied(verified)) return denyAtEdge(verified.denied)
  const { claims } = verified.token

  /**
   * Denies a call whose token this Worker has signed. If the token or the proof turns out to be unusable, that is the
   * denial: a proof is used up whatever is decided (RFC 9449, section 11.1), which only the ledger remembers. What an
   * observing gateway allows although it is denied is recorded in the ledger before the answer leaves. For any other
   * call the ledger is asked after the answer, for the record.
   */
  const denyVerified = async (why: Denial, located?: Located, ask?: LedgerCall): Promise<Decision> => {
    const leased = await lease
    const unusable = stopOf(leased && leased.switches, verified.token, null)
    const denial = unusable?.reason === "stopped" ? unusable : why
    const isSure = unusable === null
    const reporting = reportDenial(id, call, verified, located ?? null, denial, isSure, bundle, leased, context)
    const waits = verified.proof !== null || gateway.mode === "observe"
    if (reporting && !waits) context.background(reporting)
    const owned = waits && reporting ? await reporting : null
    const alone = ask ? await shadowOfDenied(ask, denial, context) : null
    const shadowResult = alone && alone.tried
    if (!waits && !ask) return denyAtEdge(denial, verified, isSure ? "unchecked" : "dead", located)
    const owner = waits && reporting ? owned : ask ? alone && alone.owner : await markProofUsed(verified, context)
    if (!owner || !isSure) return denyAtEdge(denial, verified, "dead", located, shadowResult)
    // A candidate bundle does not change why a call is denied.
    if (isDenied(owner) && waits) return denyAtEdge(owner.denied, verified, "dead", located)
    if (isDenied(owner)) return denyAtEdge(denial, verified, "dead", located, shadowResult)
    // Only the ledger knows whose token it is.
    if (owner.agent !== claims.client_id) return denyAtEdge(denial, verified, "dead", located, shadowResult)
    return { ...denyAtEdge(denial, verified, "live", located, shadowResult), ...owner }
  }

  if (call.subject && !isFor(claims, call.subject)) {
    return denyVerified({ reason: "subject_differs", what: "its subject is not whom the token is for" })
  }

  const located = call.objection ? deny(call.objection) : locate(bundle.catalog, call)
  if (isDenied(located)) return denyVerified(located.denied)

  // What needs no state may be denied here, and never allowed: only the ledger allows a call.
  const denialWhatever = denyEarly(claims, located, bundle)
  const candidate = candidateFor(bundle, context)
  if (denialWhatever && !(candidate && policyMayPermit(located, candidate)))
    return denyVerified(denialWhatever, located)

  const leased = lease instanceof Promise ? await context.waits.of("lease", lease) : lease
  const stopped =
    stopOf(leased && leased.switches, verified.token, located.tool.name) ??
    stopOfAny(located.besides, leased, verified.token) ??
    stopOfAny(located.tool.resultsOf, leased, verified.token) ??
    denialByObservation(leased && leased.observations, located, bundle.catalog.tools) ??
    (leased?.unrecorded.includes(located.tool.action) ? RECORDS_FULL : null)
  if (stopped) return denyVerified(denialWhatever ?? stopped, located)

  const ledgerAsk = (): LedgerCall =>
    ledgerCall(id, call, verified, located, leased && leased.risks, candidate, recordKey(), context)
  if (denialWhatever) return denyVerified(denialWhatever, located, ledgerAsk())

  // Before the ledger counts the call: if no Transaction Token can be signed for the upstream, the call is denied.
  const algorithm = gateway.transaction_tokens?.algorithm
  const signer = algorithm
    ? await context.waits.of(
        "signing_key",
        signerOf(context.env, algorithm, pulledKeys(leased?.switches ?? []), receivedAt),
      )
    : null
  if (algorithm && !signer) return denyVerified({ reason: "signing_key_unavailable" }, located)

  const ask = ledgerAsk()
  const reply = await askLedger(context.env, claims.task, async (ledger, until): Promise<string> =>
    // The gateway has waited since the request arrived, whatever took the time before this request to the ledger.
    ledger.decide(LEDGER_VERSION, bundle.pointer, packed(ask), Math.min(until, receivedAt + DECIDED_WITHIN_MS)),
  )
  const answer: LedgerDecision | NoBundle | null = reply === null ? null : JSON.parse(reply)
  if (!answer || ("bundle" in answer && answer.bundle === "unavailable")) {
    context.waits.rest("ledger", Date.now() - receivedAt)
    return denyAtEdge(whyUnanswered(context.env, claims.task), verified, "unchecked", located)
  }
  if ("bundle" in answer) {
    return authorizeAgain(call, answer.newest, bundle, context, (denial) =>
      denyAtEdge(denial, verified, "unchecked", located),
    )
  }
  const { denial, retryOf, agent, user, purpose, windows, recorded } = answer
  // The ledger has rejected the token, has not looked at it, or has no time for a record of the agent's.
  if (denial && !recorded) {
    context.waits.rest("ledger", Date.now() - receivedAt)
    const dead = denial.reason === "ledger_unavailable" ? "unchecked" : "dead"
    return denyAtEdge(denial, verified, agent === null ? dead : "live", located)
  }
  const { task } = claims
  const { trace = null } = ask
  const scope = denial && askableScope(denial, verified, located)
  const tool = located.tool.name
  const allowed = { id: retryOf ?? id, gateway, denial, agent, user, task, purpose, tool, windows, scope, trace }
  const transactionToken =
    signer && !denial ? await transactionOf(allowed, signer, located, verified.token.agents, context) : null
  return { ...allowed, transactionToken }
}

/** A sink that must have a record of every such call is behind, and its log has no room (src/export/room.ts). */
const RECORDS_FULL: Denial = { reason: "records_full" }

/**
 * A call can use tools besides its own, such as those of answers to the server, or return their results. An operator can
 * suspend these.
 */
function stopOfAny(tools: readonly string[] = [], leased: Lease | null, token: VerifiedToken): Denial | null {
  for (const tool of tools) {
    const stopped = stopOf(leased && leased.switches, token, tool)
    if (stopped) return stopped
  }
  return null
}

/** The ledger has already decided by a newer bundle: that bundle decides the whole call again. */
async function authorizeAgain(
  call: PresentedCall,
  newest: Pointer,
  older: Bundle,
  context: RequestContext,
  denyAtEdge: (denial: Denial) => Decision,
): Promise<Decision> {
  const newer = await newerFor(call, newest, older, context)
  if (isDenied(newer)) return denyAtEdge(newer.denied)
  const { gateway, bundle } = newer
  if (!gateway.origins.includes(call.origin)) return denyAtEdge({ reason: "gateway_unknown" })
  return authorize({ ...call, gateway }, bundle, context)
}

/** Whether the token is for this agent, or on behalf of this user. */
export function isFor(claims: DelegationClaims, { type, id }: Subject): boolean {
  return type === "agent" ? id === claims.client_id : type === "user" && id === userOf(claims)
}
