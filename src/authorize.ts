/**
 * READ FIRST. The way of one call: Presented → Verified → Located → Decided. Each step takes only what the one before
 * it made, and returns its output or a denial; anything thrown is a defect or an outage and ends in a refusal.
 */
import type { Ask } from "./audit/call-record.ts"
import { recordAtEdge } from "./audit/edge-recorder.ts"
import { recordOf, type DecisionRecord } from "./audit/record.ts"
import { locate, type Located } from "./catalog/locate.ts"
import { formatScope, parseScope, scopeCovers, type Scope } from "./catalog/pattern.ts"
import type { DelegationClaims } from "./credential/delegation-token.ts"
import { verifyCredential, type VerifiedCredential } from "./credential/verify.ts"
import { codeOf, isDenied, type Denial } from "./decision.ts"
import { isLifecycle } from "./exchange/grant.ts"
import type { Presented } from "./gateway/presented.ts"
import type { WindowUse } from "./guardrails/window.ts"
import { sha256Hex } from "./hash.ts"
import { newId } from "./ids.ts"
import { askLedger } from "./ledger/ask.ts"
import { LEDGER_VERSION, type Answer, type NoBundle } from "./ledger/ledger.ts"
import { rootOf } from "./ledger/state.ts"
import type { Bundle } from "./policy/assemble.ts"
import type { Pointer } from "./policy/bundle.ts"
import { actionRef, toolRef } from "./policy/facts.ts"
import { bundleOf } from "./policy/store.ts"
import type { Surroundings } from "./surroundings.ts"
import { currentSwitches } from "./switches/lease.ts"
import { stoppedBy, type Switch } from "./switches/switch.ts"

export interface Decision {
  readonly id: string
  /** Null: allowed. */
  readonly denial: Denial | null
  readonly agent: string | null
  readonly user: string | null
  readonly task: string | null
  readonly purpose: string | null
  readonly tool: string | null
  readonly windows: readonly WindowUse[]
}

export async function authorize(call: Presented, bundle: Bundle, around: Surroundings): Promise<Decision> {
  const id = newId("dec", around.receivedAt)
  let known: Partial<DecisionRecord> = {
    gateway: call.gateway.id,
    environment: call.gateway.environment,
    mode: call.gateway.mode,
    method: call.method,
    bundle: bundle.pointer,
  }
  const refuse = (denial: Denial): Decision => {
    const record = recordOf({ ...known, id, at: Date.now(), kind: "call", code: codeOf(denial), denial })
    recordAtEdge(around.env, { ...record, total_ms: record.at - around.receivedAt }, around.background)
    return { ...NOBODY, id, denial, task: record.task, tool: record.tool }
  }

  // Asked for now, so that a call which has to wait for them waits for all at once.
  const switches = currentSwitches(around)
  const [path = ""] = call.target.split("?", 1)
  const shown = { ...call, uri: call.origin + path }
  const audiences = new Set([call.gateway.audience])
  const verified = await verifyCredential(shown, audiences, around.keys, around.config.issuer, around.receivedAt)
  if (isDenied(verified)) return refuse(verified.denied)
  const { claims, hash } = verified.token
  const { task, client_id, sub, purpose: told } = claims
  const caller = { task, purpose: told, chain: [client_id], user: sub === client_id ? null : sub }
  known = { ...known, ...caller, token_hash: hash, bound: verified.proof !== null }

  const located = locate(bundle.catalog, call)
  if (isDenied(located)) return refuse(located.denied)
  const { name: tool, action, sensitivity } = located.tool
  known = { ...known, path: located.path, tool, action, sensitivity }

  // What needs no memory may be denied here, and only denied: an allow is the ledger's alone.
  const hopeless = denyEarly(claims, located, bundle)
  if (hopeless) return refuse(hopeless)

  const stopped = stopOf(await switches, verified, located)
  if (stopped) return refuse(stopped)

  const ask = toAsk(id, call, verified, located, around)
  const said = await askLedger(around.env, rootOf(claims.task), async (ledger): Promise<string> =>
    ledger.decide(LEDGER_VERSION, bundle.pointer, ask),
  )
  const answer: Answer | NoBundle | null = said === null ? null : JSON.parse(said)
  if (!answer || ("bundle" in answer && answer.bundle === "unavailable"))
    return refuse({ reason: "ledger_unavailable" })
  if ("bundle" in answer) return again(call, answer.newest, bundle, around, refuse)
  const { denial, decisionId, agent, user, purpose, windows, recorded } = answer
  if (denial && !recorded) return refuse(denial)
  return { id: decisionId, denial, agent, user, task, purpose, tool, windows }
}

const NOBODY = { agent: null, user: null, task: null, purpose: null, tool: null, windows: [] } as const

/**
 * What needs no memory. A token's scope only ever says more than its ledger's frozen grant, and a tool that no permit
 * names can be permitted to nobody: denying by these is safe, allowing would not be.
 */
function denyEarly(claims: DelegationClaims, { tool }: Located, bundle: Bundle): Denial | null {
  const scopes = scopesOf(claims)
  const covered = isLifecycle(tool)
    ? scopes.some(({ pattern }) => pattern === "*" || pattern.startsWith(`${tool.server}.`))
    : scopes.some((scope) => scopeCovers(scope, tool))
  if (!covered) return { reason: "tool_not_granted", scope: formatScope({ pattern: tool.name, action: tool.action }) }
  return bundle.engine.mayPermit(actionRef(tool.action), toolRef(tool.name), bundle.entities)
    ? null
    : { reason: "policy_permits_nothing", principal: "anybody" }
}

/** A switch holds from its acknowledgement on, whatever the ledger would say. */
function stopOf(switches: readonly Switch[] | null, { token }: VerifiedCredential, { tool }: Located): Denial | null {
  if (!switches) return { reason: "switches_unavailable" }
  if (switches.length === 0) return null
  const { claims, agents, kid } = token
  const user = claims.sub === claims.client_id ? null : claims.sub
  const found = stoppedBy(switches, { agents, user, tool: tool.name, kid, issuedAt: claims.iat * 1000 })
  if (!found) return null
  const { id, stopped } = found
  return stopped.kind === "tool"
    ? { reason: "tool_stopped", switch: id, tool: stopped.tool }
    : { reason: "stopped", switch: id, kind: stopped.kind }
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
  call: Presented,
  { token, proof }: VerifiedCredential,
  located: Located,
  { receivedAt }: Surroundings,
): Ask {
  const { gateway, method, target, body, requestId } = call
  return {
    decisionId: id,
    task: token.claims.task,
    token: token.claims.jti,
    proof,
    tool: located.tool.name,
    arguments: located.arguments,
    gateway: gateway.id,
    environment: gateway.environment,
    retry: requestId === null ? null : { requestId, call: hashOfCall(call) },
    method,
    path: located.path,
    mode: gateway.mode,
    size: target.length + (body.kind === "whole" ? body.text.length : 0),
    tokenHash: token.hash,
    receivedAt,
  }
}

/** A retry repeats everything that the decision depends on; a changed call with the same request id is another call. */
function hashOfCall(call: Presented): string {
  const { origin, method, target, authorization, proof, headers, body } = call
  const { contentType, mcpProtocolVersion, mcpMethod, mcpName } = headers
  const read = [contentType, mcpProtocolVersion, mcpMethod, mcpName]
  return sha256Hex(JSON.stringify([origin, method, target, authorization, proof, read, body]))
}

/** The ledger has decided by a newer bundle already: the call is judged anew by that one, wholly. */
async function again(
  call: Presented,
  newest: Pointer,
  older: Bundle,
  around: Surroundings,
  refuse: (denial: Denial) => Decision,
): Promise<Decision> {
  const newer = newest.seq > older.pointer.seq ? await bundleOf(around.env.BUNDLES, newest) : null
  if (!newer) return refuse({ reason: "bundle_unavailable" })
  const gateway = [...newer.gateways.values()].find(({ id }) => id === call.gateway.id)
  if (!gateway?.origins.includes(call.origin)) return refuse({ reason: "gateway_unknown" })
  return authorize({ ...call, gateway }, newer, around)
}
