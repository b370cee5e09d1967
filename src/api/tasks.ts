/**
 * `/v1/tasks/:id`: state of a task, its end, and its freezing by an operator. Its agent comes with the task's
 * delegation token and reaches its own task and those below; an operator comes with a token of theirs.
 */
import * as z from "zod"
import { bearerToken } from "../audit/edge-record.ts"
import { parseJson } from "../core/catalog/json-body.ts"
import type { ManagementDenial } from "../core/denials/management-denial.ts"
import { disowned, recordOf, type DecisionRecord } from "../core/record/record.ts"
import { boundedText } from "../platform/request-body.ts"
import { readCompact } from "../credentials/jws/compact.ts"
import { isRejected } from "../core/denials/credential-rejection.ts"
import { schemeOf, verifyCredential } from "../credentials/verify.ts"
import type { RequestContext } from "../request-context.ts"
import { challengeOf } from "../credentials/challenge.ts"
import { codeOf, isDenied, type Denial } from "../core/denials/denial.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { askLedger } from "../ledger/ask.ts"
import { isBelow, isTaskId, rootOf } from "../core/task/state.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { TaskEnd } from "../core/task/change.ts"
import type { Proof } from "../core/task/proof-log.ts"
import { userOf } from "../credentials/delegation-token.ts"
import { currentSwitches } from "../revocation/lease.ts"
import { stopOf } from "../revocation/token-stop.ts"
import { authorizeOperator, bearerOf, type Permitted } from "./operator.ts"
import { identify } from "./identity.ts"
import type { ApiResult, RecordStart } from "./outcome.ts"

/** Who asks about a task: one that holds a token of it, or an operator. */
type TaskCaller =
  | {
      readonly kind: "agent"
      readonly agent: string
      readonly user: string | null
      readonly token: string
      readonly hash: string
      readonly proof: Proof | null
    }
  | { readonly kind: "operator"; readonly permitted: Permitted }

export async function describeTask(
  request: Request,
  task: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<ApiResult> {
  const asker = await askerOf(request, task, "viewer", bundle, context)
  if ("status" in asker) return asker
  const viewed = await askLedger(context.env, rootOf(task), async (ledger) => ({
    found: await ledger.view(LEDGER_VERSION, bundle.pointer, task, asker.kind === "agent" ? asker : null),
  }))
  if (!viewed) return OUT_OF_REACH
  if (viewed.found && isDenied(viewed.found)) return tokenRefused(viewed.found.denied, request)
  return viewed.found ? { status: 200, body: viewed.found, record: byWhom(asker, task) } : notFound(task)
}

/** How its agent ends a task; an operator's end revokes it. */
const ENDS = {
  complete: { status: "completed", by: "completion" },
  abort: { status: "revoked", by: "abort" },
} as const
const REVOKED = { status: "revoked", by: "operator" } as const
const FROZEN = { status: "quarantined", by: "operator" } as const

export async function endTask(
  request: Request,
  task: string,
  how: keyof typeof ENDS,
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const asker = await askerOf(request, task, "operator", bundle, context)
  if ("status" in asker) return asker
  const told = asker.kind === "agent" ? {} : await reasonOf(request)
  if (!told) return MALFORMED
  return end(request, asker, { task, ...(asker.kind === "agent" ? ENDS[how] : REVOKED) }, told, context, known)
}

/** Its calls are refused until an operator lets it go on. */
export async function quarantineTask(
  request: Request,
  task: string,
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const asker = await operatorOf(request, task, bundle, context)
  if ("status" in asker) return asker
  const told = await reasonOf(request)
  return told ? end(request, asker, { task, ...FROZEN }, told, context, known) : MALFORMED
}

export async function releaseTask(
  request: Request,
  task: string,
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const asker = await operatorOf(request, task, bundle, context)
  if ("status" in asker) return asker
  const told = await reasonOf(request)
  if (!told) return MALFORMED
  const record = recordOf({ ...byWhom(asker, task), arguments: { ...told }, ...known })
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    status: await ledger.release(task, record),
  }))
  if (!answer) return OUT_OF_REACH
  const { status } = answer
  return status === null ? notFound(task) : { status: 200, body: { task, status }, record: null }
}

async function operatorOf(
  request: Request,
  task: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<TaskCaller | ApiResult> {
  return operatorFor(request, task, "operator", bundle, context)
}

async function end(
  request: Request,
  asker: TaskCaller,
  asked: TaskEnd,
  told: OperatorReason,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const { task } = asked
  const record = recordOf({ ...byWhom(asker, task), arguments: { ...told }, ...known })
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    end: await ledger.end(asked, asker.kind === "agent" ? asker : null, record),
  }))
  if (!answer) return OUT_OF_REACH
  const ended = answer.end
  if (!ended) return notFound(task)
  if (isDenied(ended)) return tokenRefused(ended.denied, request)
  if ("frozen" in ended) return quarantined(task, ended.frozen, (denied) => recordBy(ended, { ...record, ...denied }))
  // What ended something is recorded by the ledger, together with the end.
  const changed = (tasks: readonly string[]) => (asked.status === "quarantined" ? { frozen: tasks } : { ended: tasks })
  if ("isLive" in ended) {
    return { status: 200, body: { task, status: ended.status, ...changed([]) }, record: recordBy(ended, record) }
  }
  if (asked.status === "quarantined" && ended.status === "pending") return pending(task, byWhom(asker, task))
  return { status: 200, body: { task, status: ended.status, ...changed(ended.ended) }, record: null }
}

/** Whoever shows the token of a task that has ended is not proven to be its agent. */
function recordBy({ isLive }: { readonly isLive: boolean }, record: DecisionRecord): DecisionRecord {
  return isLive ? record : disowned(record)
}

/** What an operator says of it, for the record. */
interface OperatorReason {
  readonly reason?: string
}

const MAX_BODY_BYTES = 4_096
const toldSchema = z.strictObject({ reason: z.string().max(1_024).exactOptional() })

/** Most say nothing. */
async function reasonOf(request: Request): Promise<OperatorReason | null> {
  const text = await boundedText(request, MAX_BODY_BYTES)
  if (text === null || text === "") return text === null ? null : {}
  const parsed = parseJson(text)
  const told = isDenied(parsed) ? null : toldSchema.safeParse(parsed.json)
  return told?.data ?? null
}

const MALFORMED: ApiResult = {
  status: 400,
  body: { error: "invalid_request", error_description: "Say nothing, or a reason of up to 1024 characters." },
  record: { code: "invalid_request" },
}

const OUT_OF_REACH: ApiResult = {
  status: 503,
  body: { error: "unavailable", error_description: "The task's ledger, or what is stopped, is out of reach." },
  record: { code: "unavailable" },
}

function refusal(status: 401 | 403 | 404, error: string, description: string, denial: ManagementDenial): ApiResult {
  return { status, body: { error, error_description: description }, record: { code: error, denial } }
}

/** Its agent may know: it sees the task's state, and waits for the operator whom this is left to. */
function quarantined(
  ended: string,
  frozen: string,
  recorded: (denied: Partial<DecisionRecord>) => DecisionRecord,
): ApiResult {
  const which = frozen === ended ? "The task" : `The task ${frozen}`
  const body = { error: "task_quarantined", error_description: `${which} is quarantined: only an operator ends it.` }
  const denial = { reason: "task_quarantined", task: frozen } as const
  return { status: 409, body, record: recorded({ decision: "deny", code: "task_quarantined", denial }) }
}

/** An operator must not believe that it is frozen: once the person consents, it begins. */
function pending(task: string, known: Partial<DecisionRecord>): ApiResult {
  const description = "The task waits for a person's consent and cannot be quarantined: revoke it instead."
  const body = { error: "task_pending", error_description: description }
  const denial = { reason: "task_pending", task } as const
  return { status: 409, body, record: { ...known, decision: "deny", code: "task_pending", denial } }
}

function tokenRefused(because: Denial, { headers }: Request): ApiResult {
  const code = codeOf(because)
  if (code === "unavailable") return OUT_OF_REACH
  const denial = { reason: "operator_rejected", because } as const
  const refused = refusal(401, code, "The delegation token is not valid here, or no longer.", denial)
  return { ...refused, headers: challengeOf(because, null, schemeOf(headers.get("authorization"))) }
}

/** The same answer whether there is no such task or it is another's: ids are not to be probed. */
function notFound(task: string): ApiResult {
  return refusal(404, "not_found", "There is no such task for this caller.", { reason: "not_found", what: task })
}

function byWhom(asker: TaskCaller, task: string): Partial<DecisionRecord> {
  const who =
    asker.kind === "operator"
      ? asker.permitted
      : { chain: [asker.agent], user: asker.user, token_hash: asker.hash, bound: asker.proof !== null }
  return { decision: "allow", code: "ok", task, ...who }
}

/** First who asks, so that the record of any refusal names them. */
async function operatorFor(
  request: Request,
  task: string,
  role: "viewer" | "operator",
  bundle: Bundle,
  context: RequestContext,
): Promise<TaskCaller | ApiResult> {
  const thing = { area: "tasks", kind: "task", target: task.slice(0, 128) } as const
  const permitted = await authorizeOperator(request, role, thing, bundle, context)
  if ("status" in permitted) return permitted
  return isTaskId(task) ? { kind: "operator", permitted } : notFound(task.slice(0, 128))
}

async function askerOf(
  request: Request,
  task: string,
  role: "viewer" | "operator",
  bundle: Bundle,
  context: RequestContext,
): Promise<TaskCaller | ApiResult> {
  const { config, keys, receivedAt } = context
  // An operator's token is a bearer's; DPoP is how an agent shows a token that is bound to its key.
  const bearer = bearerOf(request)
  const isOurs = bearer === null ? request.headers.has("dpop") : issuerOf(bearer) === config.issuer
  if (!isOurs) return operatorFor(request, task, role, bundle, context)
  if (!isTaskId(task)) return notFound(task.slice(0, 128))
  const shown = {
    authorization: request.headers.get("authorization"),
    proof: request.headers.get("dpop"),
    method: request.method,
    uri: config.issuer + new URL(request.url).pathname,
  }
  const verified = await verifyCredential(shown, bundle.audiences, keys, config.issuer, receivedAt)
  if (isDenied(verified)) {
    return tokenRefused(verified.denied, request)
  }
  const stopped = stopOf(await currentSwitches(context), verified.token, null)
  if (stopped) return tokenRefused(stopped, request)
  const { claims } = verified.token
  // A proof proves somebody once its ledger has used it up.
  if (!verified.proof) {
    identify(request, { chain: [claims.client_id], user: userOf(claims), token: bearerToken(verified.token) })
  }
  if (task !== claims.task && !isBelow(task, claims.task)) return notFound(task)
  const { hash } = verified.token
  return {
    kind: "agent",
    agent: claims.client_id,
    user: userOf(claims),
    token: claims.jti,
    hash,
    proof: verified.proof,
  }
}

function issuerOf(token: string): unknown {
  const compact = readCompact(token)
  return isRejected(compact) ? null : compact.claims["iss"]
}
