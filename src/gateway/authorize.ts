/**
 * READ FIRST. The way of one call: Presented → Verified → Located → Decided. Each step takes only what the one before
 * it made, and returns its output or a denial; anything thrown is a defect or an outage and ends in a refusal.
 */
import type { Ask } from "../core/record/visible-call.ts"
import { ofGateway, ofLocated, recordEdgeDenial, type Standing } from "../audit/edge-record.ts"
import { recordKey as recordKeyOf } from "../audit/record-key.ts"
import type { ShadowResult } from "../core/record/record.ts"
import { UNSEEN_ARGUMENTS, argumentsHash } from "../core/catalog/arguments.ts"
import { locate, type Located } from "../core/catalog/locate.ts"
import { possibleTools } from "../core/catalog/possible-tools.ts"
import { openArguments } from "../core/catalog/redaction.ts"
import { formatScope, parseScope, scopeCovers, type Scope } from "../core/catalog/pattern.ts"
import { denialByObservation } from "../core/catalog/drift.ts"
import { type DelegationClaims, userOf } from "../credentials/delegation-token.ts"
import { verifyCredential, type VerifiedCredential } from "../credentials/verify.ts"
import { deny, isDenied, type Denial, type Denied } from "../core/denials/denial.ts"
import { isLifecycle } from "../core/catalog/lifecycle.ts"
import { signerOf, type Signer } from "../signing/signing-key.ts"
import { signTransactionToken } from "../signing/sign-transaction-token.ts"
import type { PresentedCall } from "./presented.ts"
import { audienceOf, newerFor } from "./registry.ts"
import type { WindowUse } from "../core/guardrails/kind.ts"
import { sha256Hex } from "../core/encoding/hash.ts"
import { askLedger, DECIDED_WITHIN_MS } from "../ledger/ask.ts"
import {
  LEDGER_VERSION,
  type LedgerDecision,
  type NoBundle,
  type TokenOwner,
  type ShadowOnly,
} from "../ledger/protocol.ts"
import { rootOf } from "../core/task/state.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import { actionRef, toolRef } from "../core/policy/principals.ts"
import { candidateFor, type RequestContext } from "../request-context.ts"
import { currentLease, type Lease } from "../revocation/lease.ts"
import { toldOf, type Risks } from "../core/signals/leased-risks.ts"
import { pulledKeys } from "../core/signals/switch.ts"
import { newId } from "../platform/new-id.ts"
import { stopOf } from "../revocation/token-stop.ts"
import type { Subject } from "./dialects/dialect.ts"

export interface Decision {
  readonly id: string
  /** That asked, as the bundle has it by which was decided: what it does with a denial that says. */
  readonly gateway: GatewayDefinition
  /** Null: allowed. */
  readonly denial: Denial | null
  readonly agent: string | null
  readonly user: string | null
  readonly task: string | null
  readonly purpose: string | null
  readonly tool: string | null
  readonly windows: readonly WindowUse[]
  /** Signed, for what is behind the gateway; null: it wants none, or the call is refused. */
  readonly transactionToken: string | null
}

export async function authorize(call: PresentedCall, bundle: Bundle, context: RequestContext): Promise<Decision> {
  const id = newId("dec", context.receivedAt)
  const refuse = (
    denial: Denial,
    verified?: VerifiedCredential,
    standing: Standing = "dead",
    located?: Located,
    shadowResult: ShadowResult | null = null,
  ): Decision => {
    const asked = { ...ofGateway(call.gateway, bundle), method: call.method }
    const which = located && ofLocated(located, shadowResult, bundle)
    const shownToken = verified ? { verified, standing } : null
    const { task, tool } = recordEdgeDenial(id, "call", denial, { ...asked, ...which }, context, shownToken)
    return { ...NO_IDENTITY, id, gateway: call.gateway, denial, task, tool }
  }

  // Asked for now, so that a call which has to wait for them waits for all at once.
  const lease = currentLease(context)
  const { authorization, proof, method, origin, target, gateway } = call
  const [path = ""] = target.split("?", 1)
  const shown = { authorization, proof, method, uri: origin + path }
  const { keys, config, receivedAt } = context
  const verified = await verifyCredential(shown, audienceOf(gateway), keys, config.issuer, receivedAt)
  if (isDenied(verified)) return refuse(verified.denied)
  const { claims } = verified.token

  /**
   * Denies a call whose token is ours. A token or proof that opens nothing is the denial, where that can be known: a proof
   * is used up whatever is decided (RFC 9449 11.1), which only the ledger remembers, and what an observing gateway lets
   * through all the same is remembered before it happens. Of any other call the ledger is asked afterwards, for its record.
   */
  const refuseVerified = async (why: Denial, located?: Located, ask?: Ask): Promise<Decision> => {
    const known = await lease
    const unusable = stopOf(known && known.switches, verified.token, null)
    const denial = unusable?.reason === "stopped" ? unusable : why
    const isSure = unusable === null
    const telling = tellOfRefusal(id, call, verified, located ?? null, denial, isSure, bundle, known, context)
    const waits = verified.proof !== null || gateway.mode === "observe"
    if (telling && !waits) context.background(telling)
    const told = waits && telling ? await telling : null
    const alone = ask ? await shadowOnly(ask, denial, context) : null
    const shadowResult = alone && alone.tried
    if (!waits && !ask) return refuse(denial, verified, isSure ? "unasked" : "dead", located)
    const owner = waits && telling ? told : ask ? alone && alone.owner : await spend(verified, context)
    if (!owner || !isSure) return refuse(denial, verified, "dead", located, shadowResult)
    // A candidate changes nothing of why a call is denied: without one nobody would have asked.
    if (isDenied(owner) && waits) return refuse(owner.denied, verified, "dead", located)
    if (isDenied(owner)) return refuse(denial, verified, "dead", located, shadowResult)
    // Whose token it is, only its ledger knows.
    if (owner.agent !== claims.client_id) return refuse(denial, verified, "dead", located, shadowResult)
    return { ...refuse(denial, verified, "live", located, shadowResult), ...owner }
  }

  if (call.subject && !isFor(claims, call.subject)) {
    return refuseVerified({ reason: "subject_differs", what: "its subject is not whom the token is for" })
  }

  const located = call.objection ? deny(call.objection) : locate(bundle.catalog, call)
  if (isDenied(located)) return refuseVerified(located.denied)

  // What needs no memory may be denied here, and only denied: an allow is the ledger's alone.
  const denialWhatever = denyEarly(claims, located, bundle)
  const candidate = candidateFor(bundle, context)
  if (denialWhatever && !(candidate && policyMayPermit(located, candidate)))
    return refuseVerified(denialWhatever, located)

  const keyOfRecord = recordKeyOf(context.env, receivedAt)
  const known = await lease
  const stopped =
    stopOf(known && known.switches, verified.token, located.tool.name) ??
    denialByObservation(known && known.observations, located)
  if (stopped) return refuseVerified(denialWhatever ?? stopped, located)

  const recordKey = await keyOfRecord
  const ask = toAsk(id, call, verified, located, known && known.risks, candidate, recordKey, context)
  if (denialWhatever) return refuseVerified(denialWhatever, located, ask)

  // Before the ledger counts it: a call of which what is behind the gateway could not be told is not let through.
  const algorithm = gateway.transaction_tokens?.algorithm
  const signer = algorithm
    ? await signerOf(context.env, algorithm, pulledKeys(known?.switches ?? []), receivedAt)
    : null
  if (algorithm && !signer) return refuseVerified({ reason: "signing_key_unavailable" }, located)

  const said = await askLedger(context.env, rootOf(claims.task), async (ledger, until): Promise<string> =>
    // The gateway has waited since the request came, whatever took time before the ledger was asked.
    ledger.decide(LEDGER_VERSION, bundle.pointer, ask, Math.min(until, context.receivedAt + DECIDED_WITHIN_MS)),
  )
  const answer: LedgerDecision | NoBundle | null = said === null ? null : JSON.parse(said)
  if (!answer || ("bundle" in answer && answer.bundle === "unavailable"))
    return refuse({ reason: "ledger_unavailable" }, verified, "unasked", located)
  if ("bundle" in answer) {
    return again(call, answer.newest, bundle, context, (denial) => refuse(denial, verified, "unasked", located))
  }
  const { denial, retryOf, agent, user, purpose, windows, recorded } = answer
  // The ledger does not take the token, or has not looked at it.
  if (denial && !recorded)
    return refuse(denial, verified, denial.reason === "ledger_unavailable" ? "unasked" : "dead", located)
  const { task } = claims
  const allowed = { id: retryOf ?? id, gateway, denial, agent, user, task, purpose, tool: located.tool.name, windows }
  const transactionToken = signer && !denial ? await transactionOf(allowed, signer, located, context) : null
  return { ...allowed, transactionToken }
}

/**
 * The ledger hears of this denial too, if anybody looks out for storms of denials, or if the gateway lets the call through
 * all the same. Null: it need not.
 * @param isSure false if a switch stops the token, or may do so: whose call it is, is not certain, and it must not become
 *   another's history
 */
function tellOfRefusal(
  id: string,
  call: PresentedCall,
  { token, proof }: VerifiedCredential,
  located: Located | null,
  denial: Denial,
  isSure: boolean,
  { catalog, guardrails, pointer }: Bundle,
  known: Lease | null,
  { env }: RequestContext,
): Promise<TokenOwner | Denied | null> | null {
  const { gateway, client } = call
  const isObserved = gateway.mode === "observe"
  if (isObserved ? !isSure : guardrails.denialObservers.length === 0) return null
  const tools = located ? [located.tool.name] : isObserved ? possibleTools(catalog, call, denial) : []
  if (isObserved && tools.length === 0) return null
  const { task, jti } = token.claims
  const refused = {
    decisionId: id,
    mode: gateway.mode,
    task,
    token: jti,
    proof,
    tools,
    arguments: located ? located.arguments : UNSEEN_ARGUMENTS,
    gateway: gateway.id,
    environment: gateway.environment,
    client,
    retry: retryOf(call),
    risks: toldOf(known && known.risks, token.agents, userOf(token.claims)),
  }
  return askLedger(env, rootOf(task), async (ledger) => ledger.refused(LEDGER_VERSION, pointer, refused, denial))
}

/** Its proof is used up. Null: the ledger is out of reach. */
async function spend(
  { token, proof }: VerifiedCredential,
  { env }: RequestContext,
): Promise<TokenOwner | Denied | null> {
  const { task, jti } = token.claims
  return askLedger(env, rootOf(task), async (ledger) => ledger.spend({ task, token: jti, proof }))
}

/** Refused already: all that is asked is what the candidate would have said, and whether its token is taken. */
async function shadowOnly(ask: Ask, denial: Denial, { env }: RequestContext): Promise<ShadowOnly | null> {
  const said = await askLedger(env, rootOf(ask.task), async (ledger): Promise<string> =>
    ledger.shadowDenied(LEDGER_VERSION, ask, denial),
  )
  return said === null ? null : JSON.parse(said)
}

/** What fails here is a defect: it goes up to the door, which refuses. */
async function transactionOf(
  { id: decision, gateway: asking, agent, user, task, purpose, tool }: Omit<Decision, "transactionToken">,
  signer: Signer,
  located: Located,
  { config }: RequestContext,
): Promise<string | null> {
  const { transaction_tokens, ...gateway } = asking
  if (!transaction_tokens) return null
  if (agent === null || task === null || purpose === null || tool === null) throw new Error("allowed, and of nobody")
  const { name: pattern, action } = located.tool
  const call = { decision, agent, user, task, purpose, tool, scope: formatScope({ pattern, action }) }
  const { open, redacted } = openArguments(located.arguments, located.tool.redact)
  return signTransactionToken(
    signer,
    config.issuer,
    { ...gateway, transaction_tokens },
    { ...call, argumentsHash: argumentsHash(open), redacted },
    Date.now(),
  )
}

export const NO_IDENTITY = {
  agent: null,
  user: null,
  task: null,
  purpose: null,
  tool: null,
  windows: [],
  transactionToken: null,
} as const

/**
 * What needs no memory. A token's scope only ever says more than its ledger's frozen grant, and a tool that no permit
 * names can be permitted to nobody: denying by these is safe, allowing would not be.
 */
function denyEarly(claims: DelegationClaims, located: Located, bundle: Bundle): Denial | null {
  const { tool } = located
  const scopes = scopesOf(claims)
  const covered = isLifecycle(tool)
    ? scopes.some(({ pattern }) => pattern === "*" || pattern.startsWith(`${tool.server}.`))
    : scopes.some((scope) => scopeCovers(scope, tool))
  if (!covered) return { reason: "tool_not_granted", scope: formatScope({ pattern: tool.name, action: tool.action }) }
  return policyMayPermit(located, bundle) ? null : { reason: "policy_permits_nothing", principal: "anybody" }
}

function policyMayPermit({ tool }: Located, { engine, entities }: Bundle): boolean {
  return engine.mayPermit(actionRef(tool.action), toolRef(tool.name), entities)
}

/** A verified token is remembered, and with its claims what they say. */
function scopesOf(claims: DelegationClaims): readonly Scope[] {
  let scopes = scopesOfClaims.get(claims)
  if (!scopes) {
    scopes = claims.scope.split(" ").flatMap((word) => parseScope(word) ?? [])
    scopesOfClaims.set(claims, scopes)
  }
  return scopes
}
const scopesOfClaims = new WeakMap<DelegationClaims, readonly Scope[]>()

function toAsk(
  id: string,
  call: PresentedCall,
  { token, proof }: VerifiedCredential,
  located: Located,
  risks: Risks | null,
  candidate: Bundle | null,
  recordKey: string | null,
  { receivedAt }: RequestContext,
): Ask {
  const { gateway, client, method, target, body } = call
  return {
    decisionId: id,
    task: token.claims.task,
    token: token.claims.jti,
    proof,
    tool: located.tool.name,
    arguments: located.arguments,
    method,
    target,
    gateway: gateway.id,
    environment: gateway.environment,
    client,
    retry: retryOf(call),
    risks: toldOf(risks, token.agents, userOf(token.claims)),
    path: located.path,
    segments: located.segments,
    mode: gateway.mode,
    size: target.length + (body.kind === "whole" ? body.text.length : 0),
    tokenHash: token.hash,
    recordKey,
    receivedAt,
    candidate: candidate && candidate.pointer,
  }
}

function retryOf(call: PresentedCall): Ask["retry"] {
  const { requestId } = call
  return requestId === null ? null : { requestId, call: hashOfCall(call) }
}

/** A retry repeats everything that the decision depends on; a changed call with the same request id is another call. */
function hashOfCall(call: PresentedCall): string {
  const { origin, method, target, authorization, proof, headers, body, client } = call
  const { contentType, mcpProtocolVersion, mcpMethod, mcpName } = headers
  const read = [contentType, mcpProtocolVersion, mcpMethod, mcpName]
  return sha256Hex(JSON.stringify([origin, method, target, authorization, proof, read, body, client]))
}

/** The ledger has decided by a newer bundle already: the call is judged anew by that one, wholly. */
async function again(
  call: PresentedCall,
  newest: Pointer,
  older: Bundle,
  context: RequestContext,
  refuse: (denial: Denial) => Decision,
): Promise<Decision> {
  const newer = await newerFor(call, newest, older, context)
  if (isDenied(newer)) return refuse(newer.denied)
  const { gateway, bundle } = newer
  if (!gateway.origins.includes(call.origin)) return refuse({ reason: "gateway_unknown" })
  return authorize({ ...call, gateway }, bundle, context)
}

/** Whether it is for this agent, or on behalf of this user. */
export function isFor(claims: DelegationClaims, { type, id }: Subject): boolean {
  return type === "agent" ? id === claims.client_id : type === "user" && id === userOf(claims)
}
