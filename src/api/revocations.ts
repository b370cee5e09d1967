/**
 * `/v1/revocations`: an operator revokes something with immediate effect. A task or a token ends in its ledger; a
 * switch suspends an agent, a user, an identity provider, tools, a key, or everything. The answer is sent once the
 * revocation is in force: no call that begins later succeeds.
 */
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import { verifyDelegationToken } from "../credentials/delegation-token.ts"
import { isDenied } from "../core/denials/denial.ts"
import { keyRing } from "../signing/key-ring.ts"
import { askLedger } from "../ledger/ask.ts"
import { isOwnTaskId } from "../platform/task-id.ts"
import { logEvent } from "../platform/log.ts"
import { switchboard } from "../revocation/switchboard.ts"
import { locksOut, type ListedSwitch, type Stopped, type Switch } from "../core/signals/switch.ts"
import type { StopRequest } from "./contract/revocations.ts"
import type { ApiRequest, Handler } from "./handler.ts"
import type { ApiError, ApiResult } from "./outcome.ts"
import { targetOf, type Target } from "./revocation-targets.ts"

type Result = ApiResult<"addRevocation">
/** The target and the reason of a revocation, for its record. */
type RecordedRequest = Pick<DecisionRecord, "arguments">

const OUTCOME_UNKNOWN = { error: "unavailable", description: "It is not certain that this holds: ask again." } as const

export const addRevocation: Handler<"addRevocation"> = async (request) => {
  // A token is a secret, so the record does not contain it.
  const { token, ...recorded } = request.body
  const { task } = recorded
  const record = { arguments: recorded }
  const outcomeUnknown = { ...OUTCOME_UNKNOWN, record }
  try {
    const stopped = stoppedOf(request.body)
    if (stopped) return await stop(stopped, request, record)
    const done =
      task === undefined ? await endToken(token ?? "", request, record) : await endTask(task, request, record)
    return done ?? outcomeUnknown
  } catch (error) {
    logEvent("revocation_failed", { error: String(error) })
    return outcomeUnknown
  }
}

export const listRevocations: Handler<"listRevocations"> = async ({ context }) => {
  const switches: readonly ListedSwitch[] = JSON.parse(await switchboard(context.env).listed())
  return { answer: { revocations: switches.map(listedSwitchView) } }
}

export const liftRevocation: Handler<"liftRevocation"> = async ({ parameters, caller, context, started }) => {
  const { revocation: id } = parameters
  const by = { decision: started.id, operator: caller.operator }
  const done = await switchboard(context.env).lift(id, by)
  if (done === "kept") {
    return { error: "invalid_request", description: "A key that was pulled stays pulled: another one signs since." }
  }
  if (done !== "unknown") {
    const { lifted, left } = done
    const answer = { id, lifted: true, ...(left && { left: { id: left.id, before: left.before / 1000 } }) } as const
    return { answer, record: namedBy(lifted.stopped) }
  }
  const denial = { reason: "not_found", what: id.slice(0, 128) } as const
  return { error: "not_found", description: "There is no such revocation.", denial }
}

function stoppedOf({ agent, user, issuer, tool, key, everything }: StopRequest): Stopped | null {
  if (agent !== undefined) return { kind: "agent", agent }
  if (user !== undefined) return { kind: "user", user }
  if (issuer !== undefined) return { kind: "issuer", issuer }
  if (tool !== undefined) return { kind: "tool", tool }
  if (key !== undefined) return { kind: "key", kid: key }
  return everything ? { kind: "everything" } : null
}

async function stop(stopped: Stopped, request: ApiRequest<"addRevocation">, record: RecordedRequest): Promise<Result> {
  const { body, bundle, caller, context } = request
  const target = await targetOf(stopped, bundle, context.env, context.receivedAt)
  if (body.preview) return { answer: target, record }
  const before = body.before === undefined ? null : body.before * 1000
  if (locksOut(stopped, before, caller.operator, context.receivedAt) && !body.confirm) return { ...OWN_ACCESS, record }
  if (target.known === false && !body.confirm) return { ...unknownTarget(stopped.kind, target), record }
  return setSwitch(stopped, request, record, target)
}

const OWN_ACCESS = {
  error: "invalid_request",
  description:
    'Nothing is suspended: this names you, or the provider at which you log in, and only another operator could lift it. To suspend it all the same, confirm it ("confirm": true, or --confirm).',
} as const

/** The revocation of a misspelt name would be acknowledged, and the intended target would continue. */
function unknownTarget(kind: string, { nearest }: Target): ApiError<"not_found"> {
  const description = `Nothing is stopped: no ${kind} of this name is known. To stop it all the same, send "confirm": true.`
  return { error: "not_found", description, denial: { reason: "not_found", what: kind }, members: { nearest } }
}

async function setSwitch(
  stopped: Stopped,
  { body: { before, reason }, caller, context: { env }, started }: ApiRequest<"addRevocation">,
  { arguments: recorded }: RecordedRequest,
  { known, hits }: Target,
): Promise<Result> {
  const set = { id: `swi_${crypto.randomUUID()}`, stopped, before: before === undefined ? null : before * 1000 }
  // The key stops signing first, so that the switch also covers what an isolate signs in the meantime.
  if (stopped.kind === "key") await keyRing(env).pull(stopped.kid)
  await switchboard(env).set(set, { decision: started.id, operator: caller.operator, reason: reason ?? null })
  const record = { ...namedBy(stopped), arguments: { ...recorded, revocation: set.id } }
  return { answer: { ...switchView(set), known, hits }, record }
}

/** Names the agent or user whom the switch suspends, for the record. */
function namedBy(stopped: Stopped): Partial<DecisionRecord> {
  if (stopped.kind === "agent") return { chain: [stopped.agent] }
  return stopped.kind === "user" ? { user: stopped.user } : {}
}

function switchView({ id, stopped, before }: Switch) {
  const { kind, ...what } = stopped
  const name = kind === "key" ? { key: stopped.kid } : kind === "everything" ? { everything: true as const } : what
  return { id, ...name, ...(before === null ? {} : { before: before / 1000 }) }
}

function listedSwitchView({ until, by, reason, at, ...set }: ListedSwitch) {
  return {
    ...switchView(set),
    ...(until !== null && { until }),
    ...(by !== null && { by }),
    ...(reason !== null && { reason }),
    ...(at !== null && { at }),
  }
}

async function endTask(
  task: string,
  { caller, context: { env }, started }: ApiRequest<"addRevocation">,
  recorded: RecordedRequest,
): Promise<Result | null> {
  if (!isOwnTaskId(env, task)) return { ...notFound("task"), record: recorded }
  const record = recordOf({ decision: "allow", code: "ok", ...started, kind: "end", task, ...caller, ...recorded })
  const answer = await askLedger(env, task, async (ledger) => ({
    end: await ledger.end({ task, status: "revoked", by: "operator" }, null, record),
  }))
  if (!answer) return null
  return answer.end && "ended" in answer.end
    ? { answer: { task, ...answer.end }, record: null }
    : { ...notFound("task"), record: recorded }
}

async function endToken(
  token: string,
  { caller, bundle, context: { env, keys, config, receivedAt }, started }: ApiRequest<"addRevocation">,
  recorded: RecordedRequest,
): Promise<Result | null> {
  const verified = await verifyDelegationToken(token, keys, config.issuer, bundle.audiences, receivedAt)
  if (isDenied(verified)) {
    return verified.denied.reason === "keys_unavailable" ? null : { ...notFound("token"), record: recorded }
  }
  const { jti, task } = verified.claims
  if (!isOwnTaskId(env, task)) return { ...notFound("task"), record: recorded }
  const record = recordOf({ decision: "allow", code: "ok", ...started, kind: "end", task, ...caller, ...recorded })
  const answer = await askLedger(env, task, async (ledger) => ({
    revoked: await ledger.revokeToken(jti, task, null, record),
  }))
  if (!answer) return null
  return answer.revoked
    ? { answer: { token: "revoked", task }, record: null }
    : { ...notFound("token"), record: recorded }
}

function notFound(what: string): ApiError<"not_found"> {
  return {
    error: "not_found",
    description: `There is no such ${what}, or no longer.`,
    denial: { reason: "not_found", what },
  }
}
