/**
 * `/v1/revocations`: an operator stops something now. A task or a token ends in its ledger; an agent, a user, tools, a
 * key or everything is stopped by a switch. The answer comes when it holds: no call that begins later succeeds.
 */
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import { verifyDelegationToken } from "../credentials/delegation-token.ts"
import { forgetSharedKeys } from "../credentials/key-sets/own-keys.ts"
import { isDenied } from "../core/denials/denial.ts"
import { keyRing } from "../signing/key-ring.ts"
import { askLedger } from "../ledger/ask.ts"
import { rootOf } from "../core/task/state.ts"
import { logEvent } from "../platform/log.ts"
import { switchboard } from "../revocation/switchboard.ts"
import type { ListedSwitch, Stopped, Switch } from "../core/signals/switch.ts"
import type { StopRequest } from "./contract/revocations.ts"
import type { ApiRequest, Handler } from "./handler.ts"
import type { ApiError, ApiResult } from "./outcome.ts"
import { targetOf, type Target } from "./revocation-targets.ts"

type Result = ApiResult<"addRevocation">
/** What is stopped, and why. */
type Recorded = Pick<DecisionRecord, "arguments">

const OUT_OF_REACH = { error: "unavailable", description: "It is not certain that this holds: ask again." } as const

export const addRevocation: Handler<"addRevocation"> = async (request) => {
  // A token is a secret, and in no record.
  const { token, ...recorded } = request.body
  const { task } = recorded
  const record = { arguments: recorded }
  const outOfReach = { ...OUT_OF_REACH, record }
  try {
    const stopped = stoppedOf(request.body)
    if (stopped) return await stop(stopped, request, record)
    const done =
      task === undefined ? await endToken(token ?? "", request, record) : await endTask(task, request, record)
    return done ?? outOfReach
  } catch (error) {
    logEvent("revocation_failed", { error: String(error) })
    return outOfReach
  }
}

export const listRevocations: Handler<"listRevocations"> = async ({ context }) => {
  const switches: readonly ListedSwitch[] = JSON.parse(await switchboard(context.env).listed())
  return { answer: { revocations: switches.map(listed) } }
}

export const liftRevocation: Handler<"liftRevocation"> = async ({ parameters, caller, context, started }) => {
  const { revocation: id } = parameters
  const by = { decision: started.id, operator: caller.operator }
  const done = await switchboard(context.env).lift(id, by)
  if (done === "kept") {
    return { error: "invalid_request", description: "A key that was pulled stays pulled: another one signs since." }
  }
  if (done !== "unknown") return { answer: { id, lifted: true }, record: namedBy(done.stopped) }
  const denial = { reason: "not_found", what: id.slice(0, 128) } as const
  return { error: "not_found", description: "There is no such revocation.", denial }
}

function stoppedOf({ agent, user, tool, key, everything }: StopRequest): Stopped | null {
  if (agent !== undefined) return { kind: "agent", agent }
  if (user !== undefined) return { kind: "user", user }
  if (tool !== undefined) return { kind: "tool", tool }
  if (key !== undefined) return { kind: "key", kid: key }
  return everything ? { kind: "everything" } : null
}

async function stop(stopped: Stopped, request: ApiRequest<"addRevocation">, record: Recorded): Promise<Result> {
  const { body, bundle, context } = request
  const target = await targetOf(stopped, bundle, context.env, context.receivedAt)
  if (body.preview) return { answer: target, record }
  if (target.known === false && !body.confirm) return { ...unknownTarget(stopped.kind, target), record }
  return setSwitch(stopped, request, record, target)
}

/** A misspelt name would be acknowledged, and what was meant would go on. */
function unknownTarget(kind: string, { nearest }: Target): ApiError<"not_found"> {
  const description = `Nothing is stopped: no ${kind} of this name is known. To stop it all the same, send "confirm": true.`
  return { error: "not_found", description, denial: { reason: "not_found", what: kind }, members: { nearest } }
}

async function setSwitch(
  stopped: Stopped,
  { body: { before, reason }, caller, context: { env, config }, started }: ApiRequest<"addRevocation">,
  { arguments: recorded }: Recorded,
  { known, hits }: Target,
): Promise<Result> {
  const set = { id: `swi_${crypto.randomUUID()}`, stopped, before: before === undefined ? null : before * 1000 }
  // It must sign nothing more, first of all: what an isolate signs in the meantime is stopped with the rest.
  if (stopped.kind === "key") {
    await keyRing(env).pull(stopped.kid)
    await forgetSharedKeys(config.issuer)
  }
  await switchboard(env).set(set, { decision: started.id, operator: caller.operator, reason: reason ?? null })
  const record = { ...namedBy(stopped), arguments: { ...recorded, revocation: set.id } }
  return { answer: { ...shown(set), known, hits }, record }
}

/** Whom the record names: the agent, or the person. */
function namedBy(stopped: Stopped): Partial<DecisionRecord> {
  if (stopped.kind === "agent") return { chain: [stopped.agent] }
  return stopped.kind === "user" ? { user: stopped.user } : {}
}

function shown({ id, stopped, before }: Switch) {
  const { kind, ...what } = stopped
  const name = kind === "key" ? { key: stopped.kid } : kind === "everything" ? { everything: true as const } : what
  return { id, ...name, ...(before === null ? {} : { before: before / 1000 }) }
}

function listed({ by, reason, at, ...set }: ListedSwitch) {
  return {
    ...shown(set),
    ...(by !== null && { by }),
    ...(reason !== null && { reason }),
    ...(at !== null && { at }),
  }
}

async function endTask(
  task: string,
  { caller, context: { env }, started }: ApiRequest<"addRevocation">,
  recorded: Recorded,
): Promise<Result | null> {
  const record = recordOf({ decision: "allow", code: "ok", ...started, kind: "end", task, ...caller, ...recorded })
  const answer = await askLedger(env, rootOf(task), async (ledger) => ({
    end: await ledger.end({ task, status: "revoked", by: "operator" }, null, record),
  }))
  if (!answer) return null
  return answer.end && "ended" in answer.end
    ? { answer: { task, ...answer.end }, record: null }
    : { ...notThere("task"), record: recorded }
}

async function endToken(
  token: string,
  { caller, bundle, context: { env, keys, config, receivedAt }, started }: ApiRequest<"addRevocation">,
  recorded: Recorded,
): Promise<Result | null> {
  const verified = await verifyDelegationToken(token, keys, config.issuer, bundle.audiences, receivedAt)
  if (isDenied(verified)) {
    return verified.denied.reason === "keys_unavailable" ? null : { ...notThere("token"), record: recorded }
  }
  const { jti, task } = verified.claims
  const record = recordOf({ decision: "allow", code: "ok", ...started, kind: "end", task, ...caller, ...recorded })
  const answer = await askLedger(env, rootOf(task), async (ledger) => ({
    revoked: await ledger.revokeToken(jti, task, null, record),
  }))
  if (!answer) return null
  return answer.revoked
    ? { answer: { token: "revoked", task }, record: null }
    : { ...notThere("token"), record: recorded }
}

function notThere(what: string): ApiError<"not_found"> {
  return {
    error: "not_found",
    description: `There is no such ${what}, or no longer.`,
    denial: { reason: "not_found", what },
  }
}
