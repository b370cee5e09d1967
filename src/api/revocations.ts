/**
 * `/v1/revocations`: an operator stops something now. A task or a token ends in its ledger; an agent, a user, tools, a
 * key or everything is stopped by a switch. The answer comes when it holds: no call that begins later succeeds.
 */
import * as z from "zod"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import { isPattern } from "../core/catalog/pattern.ts"
import { verifyDelegationToken } from "../credentials/delegation-token.ts"
import { forgetSharedKeys } from "../credentials/key-sets/own-keys.ts"
import { isDenied } from "../core/denials/denial.ts"
import { keyRing } from "../signing/key-ring.ts"
import { askLedger } from "../ledger/ask.ts"
import { isTaskId, rootOf } from "../core/task/state.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { ManagedThing } from "../core/policy/management.ts"
import type { RequestContext } from "../request-context.ts"
import { switchboard } from "../revocation/switchboard.ts"
import type { ListedSwitch, Stopped, Switch } from "../core/signals/switch.ts"
import { hasIssuer, NO_TASK_ID, NO_USER_NAME } from "./contract/names.ts"
import { isMisread, readBody } from "../platform/json-body.ts"
import { authenticateOperator, authorizeOperator, permitOperator, type Permitted } from "./operator.ts"
import { malformed, type ApiResult, type RecordStart } from "./outcome.ts"
import { targetOf, type Target } from "./revocation-targets.ts"

const MAX_BODY_BYTES = 32_768
const named = z.string().min(1).max(2_048)
/** Characters; a record shows the beginning of what is longer. */
const MAX_REASON = 1_024
/** People read it in lists and terminals: no line that could pass for another, nothing that steers. */
const REASON = new RegExp(`^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]{1,${MAX_REASON}}$`, "u")

/** What is to end: exactly one. `before`, in seconds, leaves alone authority that was given from then on. */
const bodySchema = z
  .strictObject({
    task: named.refine(isTaskId, NO_TASK_ID).optional(),
    token: z.string().max(16_384).optional(),
    agent: named.optional(),
    user: named.optional(),
    tool: named
      .refine(
        isPattern,
        "A tool is named in full, or by a prefix such as crm.*: the star stands at the end, after a dot.",
      )
      .optional(),
    key: z
      .string()
      .regex(/^[\w.~-]{1,128}$/, "A key is named by its `kid`: 1 to 128 letters, digits, and `-._~`.")
      .optional(),
    everything: z.literal(true).optional(),
    before: z.int().positive().optional(),
    reason: z
      .string()
      .regex(REASON, `A reason has 1 to ${MAX_REASON} characters, without line breaks or control characters.`)
      .optional(),
    /** It is stopped though nothing of that name is known: in an emergency nobody waits until it is. */
    confirm: z.literal(true).optional(),
    /** Nothing is stopped: the answer says what a stop would hit. */
    preview: z.literal(true).optional(),
  })
  .refine(
    ({ before: _before, reason: _reason, confirm: _confirm, preview: _preview, ...one }) =>
      Object.keys(one).length === 1,
    "Name exactly one of task, token, agent, user, tool, key, everything.",
  )
  // A task or a token is there, or the answer is that it is not.
  .refine(
    ({ confirm, preview, task, token }) => (confirm ?? preview) === undefined || (task ?? token) === undefined,
    "`confirm` and `preview` do not go with a task or a token.",
  )
  // A key that is pulled signs nothing more and verifies nothing more, whatever the time; a task or a token ends
  // wholly.
  .refine(
    ({ before, task, token, key }) => before === undefined || (task ?? token ?? key) === undefined,
    "`before` does not go with a task, a token or a key.",
  )
  .refine(({ user, confirm }) => !confirm || user === undefined || hasIssuer(user), NO_USER_NAME)
type Body = z.infer<typeof bodySchema>

const OUT_OF_REACH: ApiResult = {
  status: 503,
  body: { error: "unavailable", error_description: "It is not certain that this holds: ask again." },
  record: { code: "unavailable" },
}

export async function addRevocation(
  request: Request,
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const asker = await authenticateOperator(request, "operator", bundle, context)
  if ("status" in asker) return asker
  // At most ten seconds later: an operator's token is judged with more tolerance than that.
  const body = await readBody(request, bodySchema, MAX_BODY_BYTES)
  if (isMisread(body)) return malformed(body.wrong)
  const by = permitOperator(asker, thingOf(body), bundle)
  if ("status" in by) return by
  // A token is a secret, and in no record.
  const { token, ...told } = body
  const { task } = told
  const permitted: Recorded = { ...by, arguments: told }
  try {
    const stopped = stoppedOf(body)
    if (stopped) return await stop(stopped, body, permitted, bundle, context, known)
    const done =
      task === undefined
        ? await endToken(token ?? "", permitted, bundle, context, known)
        : await endTask(task, permitted, context, known)
    return done ?? { ...OUT_OF_REACH, record: { ...permitted, ...OUT_OF_REACH.record } }
  } catch (error) {
    logEvent("revocation_failed", { error: String(error) })
    return { ...OUT_OF_REACH, record: { ...permitted, ...OUT_OF_REACH.record } }
  }
}

/** Who may, by which rules; what they stop, and why. */
type Recorded = Permitted & Pick<DecisionRecord, "arguments">

export async function listRevocations(request: Request, bundle: Bundle, context: RequestContext): Promise<ApiResult> {
  const permitted = await authorizeOperator(request, "viewer", REVOCATIONS, bundle, context)
  if ("status" in permitted) return permitted
  const switches: readonly ListedSwitch[] = JSON.parse(await switchboard(context.env).listed())
  return {
    status: 200,
    body: { revocations: switches.map(listed) },
    record: { decision: "allow", code: "ok", ...permitted },
  }
}

export async function liftRevocation(
  request: Request,
  id: string,
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const thing = { ...REVOCATIONS, target: id.slice(0, 128) }
  const permitted = await authorizeOperator(request, "operator", thing, bundle, context)
  if ("status" in permitted) return permitted
  const done = await switchboard(context.env).lift(id, { decision: known.id, operator: permitted.operator })
  if (done === "kept") {
    const error_description = "A key that was pulled stays pulled: another one signs since."
    return {
      status: 400,
      body: { error: "invalid_request", error_description },
      record: { code: "invalid_request", ...permitted },
    }
  }
  if (done !== "unknown") {
    const record = { decision: "allow", code: "ok", ...permitted, ...namedBy(done.stopped) } as const
    return { status: 200, body: { id, lifted: true }, record }
  }
  const denial = { reason: "not_found", what: id.slice(0, 128) } as const
  const body = { error: "not_found", error_description: "There is no such revocation." }
  return { status: 404, body, record: { code: "not_found", denial, ...permitted } }
}

const REVOCATIONS = { area: "revocations", kind: "revocation", target: null } as const

/** A token is a secret, and named by no rule. */
function thingOf({ task, token, agent, user, tool, key }: Body): ManagedThing {
  const { area } = REVOCATIONS
  if (task !== undefined) return { area, kind: "task", target: task }
  if (token !== undefined) return { area, kind: "token", target: null }
  if (agent !== undefined) return { area, kind: "agent", target: agent }
  if (user !== undefined) return { area, kind: "user", target: user }
  if (tool !== undefined) return { area, kind: "tool", target: tool }
  return key === undefined ? { area, kind: "everything", target: null } : { area, kind: "key", target: key }
}

function stoppedOf({ agent, user, tool, key, everything }: Body): Stopped | null {
  if (agent !== undefined) return { kind: "agent", agent }
  if (user !== undefined) return { kind: "user", user }
  if (tool !== undefined) return { kind: "tool", tool }
  if (key !== undefined) return { kind: "key", kid: key }
  return everything ? { kind: "everything" } : null
}

async function stop(
  stopped: Stopped,
  body: Body,
  permitted: Recorded,
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const target = await targetOf(stopped, bundle, context.env, context.receivedAt)
  if (body.preview) return { status: 200, body: target, record: { decision: "allow", code: "ok", ...permitted } }
  if (target.known === false && !body.confirm) return unknownTarget(stopped.kind, target, permitted)
  return setSwitch(stopped, body, permitted, target, context, known)
}

/** A misspelt name would be acknowledged, and what was meant would go on. */
function unknownTarget(kind: string, { nearest }: Target, permitted: Recorded): ApiResult {
  const error_description = `Nothing is stopped: no ${kind} of this name is known. To stop it all the same, send "confirm": true.`
  const denial = { reason: "not_found", what: kind } as const
  return {
    status: 404,
    body: { error: "not_found", error_description, nearest },
    record: { code: "not_found", denial, ...permitted },
  }
}

async function setSwitch(
  stopped: Stopped,
  { before, reason }: Body,
  permitted: Recorded,
  { known, hits }: Target,
  { env, config }: RequestContext,
  { id: decision }: RecordStart,
): Promise<ApiResult> {
  const set = { id: `swi_${crypto.randomUUID()}`, stopped, before: before === undefined ? null : before * 1000 }
  // It must sign nothing more, first of all: what an isolate signs in the meantime is stopped with the rest.
  if (stopped.kind === "key") {
    await keyRing(env).pull(stopped.kid)
    await forgetSharedKeys(config.issuer)
  }
  await switchboard(env).set(set, { decision, operator: permitted.operator, reason: reason ?? null })
  const told = { ...permitted.arguments, revocation: set.id }
  const body = { ...shown(set), known, hits }
  const record = { decision: "allow", code: "ok", ...permitted, ...namedBy(stopped), arguments: told } as const
  return { status: 200, body, record }
}

/** Whom the record names: the agent, or the person. */
function namedBy(stopped: Stopped): Partial<DecisionRecord> {
  if (stopped.kind === "agent") return { chain: [stopped.agent] }
  return stopped.kind === "user" ? { user: stopped.user } : {}
}

function shown({ id, stopped, before }: Switch): Record<string, unknown> {
  const { kind, ...what } = stopped
  const name = kind === "key" ? { key: stopped.kid } : kind === "everything" ? { everything: true } : what
  return { id, ...name, ...(before === null ? {} : { before: before / 1000 }) }
}

function listed({ by, reason, at, ...set }: ListedSwitch): Record<string, unknown> {
  return {
    ...shown(set),
    ...(by !== null && { by }),
    ...(reason !== null && { reason }),
    ...(at !== null && { at }),
  }
}

async function endTask(
  task: string,
  permitted: Recorded,
  { env }: RequestContext,
  known: RecordStart,
): Promise<ApiResult | null> {
  const record = recordOf({ decision: "allow", code: "ok", ...known, kind: "end", task, ...permitted })
  const answer = await askLedger(env, rootOf(task), async (ledger) => ({
    end: await ledger.end({ task, status: "revoked", by: "operator" }, null, record),
  }))
  if (!answer) return null
  return answer.end && !isDenied(answer.end)
    ? { status: 200, body: { task, ...answer.end }, record: null }
    : notThere("task", permitted)
}

async function endToken(
  token: string,
  permitted: Recorded,
  bundle: Bundle,
  { env, keys, config, receivedAt }: RequestContext,
  known: RecordStart,
): Promise<ApiResult | null> {
  const verified = await verifyDelegationToken(token, keys, config.issuer, bundle.audiences, receivedAt)
  if (isDenied(verified)) return verified.denied.reason === "keys_unavailable" ? null : notThere("token", permitted)
  const { jti, task } = verified.claims
  const record = recordOf({ decision: "allow", code: "ok", ...known, kind: "end", task, ...permitted })
  const answer = await askLedger(env, rootOf(task), async (ledger) => ({
    revoked: await ledger.revokeToken(jti, task, null, record),
  }))
  if (!answer) return null
  return answer.revoked ? { status: 200, body: { token: "revoked", task }, record: null } : notThere("token", permitted)
}

function notThere(what: string, permitted: Recorded): ApiResult {
  const body = { error: "not_found", error_description: `There is no such ${what}, or no longer.` }
  return { status: 404, body, record: { code: "not_found", denial: { reason: "not_found", what }, ...permitted } }
}
