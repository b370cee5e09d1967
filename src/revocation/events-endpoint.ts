/**
 * `POST /v1/events` takes one Security Event Token, pushed by a registered transmitter (RFC 8935). The whole token is
 * evaluated before anything changes. 202 means that its effects are stored and in force: no call that begins later
 * succeeds if they deny it.
 */
import { boundedText } from "../platform/request-body.ts"
import { MAX_TOKEN_LENGTH, readCompact, type Compact } from "../credentials/jws/compact.ts"
import { isRejected, shownName, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import { verifySecurityEvents } from "../credentials/security-event.ts"
import { textsOf } from "../credentials/jws/signature.ts"
import { keyRing } from "../signing/key-ring.ts"
import { sha256Hex } from "../core/encoding/hash.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { StreamDefinition } from "../core/policy/definition/streams.ts"
import { bundleFor, type RequestContext } from "../request-context.ts"
import { SIGNAL_VERSION, type SignalChange } from "../core/signals/stream-change.ts"
import { switchboard } from "./switchboard.ts"
import { acknowledge, rejectToken, recordStart, type AcceptedEvents } from "./events-response.ts"
import {
  changesOf,
  exceptKeys,
  effectsOf,
  type EventEffect,
  type SecurityEvents,
} from "../core/signals/event-effects.ts"
import type { SetError } from "../core/denials/set-error.ts"
import { hashOfKey } from "../credentials/api-key.ts"

const MEDIA_TYPE = "application/secevent+jwt"

/** What is known of a token so far; each step adds what only it can know. */
interface Presented {
  readonly compact: Compact
  /** The stream that the token claims; nothing of it is verified yet. */
  readonly stream: StreamDefinition
}
interface Verified extends Presented {
  readonly events: SecurityEvents
}
interface EvaluatedToken extends Verified {
  readonly evaluated: readonly EventEffect[]
}

export async function takeEvents(request: Request, context: RequestContext): Promise<Response> {
  const bundle = await bundleFor(context)
  const start = recordStart(request, bundle)
  if (!bundle) return rejectToken({ reason: "bundle_unavailable" }, start, context)
  const presented = await present(request, bundle)
  if (isSetError(presented)) return rejectToken(presented, start, context)
  const verified = await verify(request, presented, context)
  if (isSetError(verified)) return rejectToken(verified, start, context)
  const { id, mode } = verified.stream
  const proven = { ...start, operator: `stream|${id}`, mode }
  const evaluated = evaluateEvents(verified, bundle, context)
  if (isSetError(evaluated)) return rejectToken(evaluated, proven, context)
  const ofUs = await withoutForeignKeys(evaluated, context)
  if (isSetError(ofUs)) return rejectToken(ofUs, proven, context)
  const accepted = await keep(ofUs, context)
  return isSetError(accepted)
    ? rejectToken(accepted, proven, context)
    : acknowledge(ofUs.events.jti, ofUs.evaluated, accepted, proven, context)
}

function isSetError(outcome: object | string): outcome is SetError {
  return typeof outcome === "object" && "reason" in outcome
}

async function present(request: Request, { streams }: Bundle): Promise<Presented | SetError> {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase()
  if (type !== MEDIA_TYPE || request.headers.has("content-encoding"))
    return { reason: "event_request_malformed", what: `its Content-Type is not ${MEDIA_TYPE}` }
  const text = await boundedText(request, MAX_TOKEN_LENGTH)
  if (text === null)
    return {
      reason: "event_request_malformed",
      what: `its body is over ${MAX_TOKEN_LENGTH} bytes, no UTF-8, or did not come in time`,
    }
  const compact = readCompact(text)
  if (isRejected(compact)) return rejectedBy(compact)
  const { iss, aud } = compact.claims
  const ofIssuer = streams.filter(({ issuer }) => issuer === iss)
  if (ofIssuer.length === 0)
    return rejectedBy({ rejected: { reason: "issuer_unknown", iss: typeof iss === "string" ? iss : null } })
  const got = textsOf(aud)
  const [stream, another] = ofIssuer.filter(({ audiences }) => got.some((audience) => audiences.includes(audience)))
  // A token for two of our streams at once would be ambiguous.
  return !stream || another ? rejectedBy({ rejected: { reason: "audience_mismatch", got } }) : { compact, stream }
}

async function verify(
  request: Request,
  presented: Presented,
  { fetchContext }: RequestContext,
): Promise<Verified | SetError> {
  const { compact, stream } = presented
  // Before any key is fetched: a caller without the stream's key must not make us send requests.
  if (!isTransmitter(request, stream)) return { reason: "transmitter_unknown" }
  const verified = await verifySecurityEvents(compact, stream, fetchContext)
  return isRejected(verified) ? rejectedBy(verified) : { ...presented, events: verified }
}

/** RFC 8935, section 3: a bearer key, if the stream's entry has one; looked up by its hash, like those of gateways. */
function isTransmitter(request: Request, { key_sha256: hashes }: StreamDefinition): boolean {
  if (hashes.length === 0) return true
  const [, key = null] = /^Bearer +([\x21-\x7e]+)$/i.exec(request.headers.get("authorization") ?? "") ?? []
  const hash = hashOfKey(key)
  return hash !== null && hashes.includes(hash)
}

function evaluateEvents(
  verified: Verified,
  { issuers, agents }: Bundle,
  { config, fetchContext }: RequestContext,
): EvaluatedToken | SetError {
  const { events: securityEvents, stream } = verified
  const subjects = { about: stream.about, issuers, agents, us: config.issuer }
  const evaluated = effectsOf(securityEvents, stream, subjects, fetchContext.now)
  return isSetError(evaluated) ? evaluated : { ...verified, evaluated }
}

/** Leaves out keys that were never ours: nobody could remove a switch for one, and it would stop nothing. */
async function withoutForeignKeys(
  evaluated: EvaluatedToken,
  { env }: RequestContext,
): Promise<EvaluatedToken | SetError> {
  const kids = new Set(
    evaluated.evaluated.flatMap(({ targets }) => targets.flatMap((each) => (each.kind === "key" ? [each.kid] : []))),
  )
  const unknown = new Set<string>()
  try {
    for (const kid of kids) if (!(await keyRing(env).had(kid))) unknown.add(kid)
  } catch (error) {
    logEvent("events_not_kept", { stream: evaluated.stream.id, error: String(error) })
    return { reason: "switches_unavailable" }
  }
  return { ...evaluated, evaluated: exceptKeys(evaluated.evaluated, unknown) }
}

async function keep(
  { compact, stream, events: securityEvents, evaluated }: EvaluatedToken,
  { env, fetchContext }: RequestContext,
): Promise<AcceptedEvents | SetError> {
  const changes = changesOf(evaluated, stream, fetchContext.now)
  if (stream.mode === "observe") return "observed"
  if (changes.length === 0) return "kept"
  const { jti, until } = securityEvents
  const report = { stream: stream.id, jti, until, digest: sha256Hex(JSON.stringify(compact.claims)), changes }
  try {
    const keys = keysOf(changes)
    // A rejected token must change nothing, and the pull of a key cannot be undone.
    if (keys.length > 0 && (await switchboard(env).told(report)) === "reused") return reused(jti)
    // First, the keys must sign nothing more: the switch covers what an isolate signs in the meantime.
    for (const kid of keys) await keyRing(env).pull(kid)
    const outcome = await switchboard(env).signal(SIGNAL_VERSION, report)
    switch (outcome) {
      case "kept":
      case "repeated":
        return outcome
      case "reused":
        return reused(jti)
      case "full":
        logEvent("stops_full", { stream: stream.id })
        return { reason: "stops_full" }
      case "busy":
        return { reason: "stream_too_fast" }
      case "not_understood":
        return { reason: "switches_unavailable" }
      default:
        return outcome satisfies never
    }
  } catch (error) {
    logEvent("events_not_kept", { stream: stream.id, error: String(error) })
    return { reason: "switches_unavailable" }
  }
}

function reused(jti: string): SetError {
  return { reason: "jti_reused", jti: shownName(jti) ?? "" }
}

function keysOf(changes: readonly SignalChange[]): readonly string[] {
  return changes.flatMap((change) =>
    change.kind === "stop" && change.stopped.kind === "key" ? [change.stopped.kid] : [],
  )
}

function rejectedBy({ rejected: because }: Rejected): SetError {
  return { reason: "event_token_rejected", because }
}
