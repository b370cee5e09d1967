/** `/v1/tasks/:task`: the state of a task, its end, and its quarantine by an operator. */
import { withoutIdentity, recordOf, type DecisionRecord } from "../core/record/record.ts"
import { isDenied } from "../core/denials/denial.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { askLedger } from "../ledger/ask.ts"
import { isOwnTaskId } from "../platform/task-id.ts"
import type { ApiRequest, Handler } from "./handler.ts"
import type { ApiError, ApiResult } from "./outcome.ts"
import { noSuchTask, recordedAgent, TASK_UNAVAILABLE, tokenRejected, type TaskCaller } from "./task-caller.ts"

export const showTask: Handler<"showTask"> = async ({ request, parameters: { task }, caller, bundle, context }) => {
  if (!isOwnTaskId(context.env, task)) return noSuchTask(task)
  const viewed = await askLedger(context.env, task, async (ledger) => ({
    found: await ledger.view(LEDGER_VERSION, bundle.pointer, task, caller.kind === "agent" ? caller : null),
  }))
  if (!viewed) return TASK_UNAVAILABLE
  if (viewed.found && isDenied(viewed.found)) return tokenRejected(viewed.found.denied, request)
  return viewed.found ? { answer: viewed.found, record: byWhom(caller, task) } : noSuchTask(task)
}

/** An agent completes or aborts its task; an operator revokes it. */
const COMPLETED = { status: "completed", by: "completion" } as const
const ABORTED = { status: "revoked", by: "abort" } as const
const REVOKED = { status: "revoked", by: "operator" } as const
const QUARANTINED = { status: "quarantined", by: "operator" } as const

export const completeTask: Handler<"completeTask"> = async (request) => endTask(request, COMPLETED)
export const abortTask: Handler<"abortTask"> = async (request) => endTask(request, ABORTED)

async function endTask(
  input: ApiRequest<"completeTask"> | ApiRequest<"abortTask">,
  byAgent: typeof COMPLETED | typeof ABORTED,
): Promise<ApiResult<"completeTask">> {
  const { request, parameters, caller, body, context, started } = input
  const { task } = parameters
  if (!isOwnTaskId(context.env, task)) return noSuchTask(task)
  const agent = caller.kind === "agent" ? caller : null
  const record = recordOf({ ...byWhom(caller, task), arguments: { ...body }, ...started })
  const answer = await askLedger(context.env, task, async (ledger) => ({
    end: await ledger.end({ task, ...(agent ? byAgent : REVOKED) }, agent, record),
  }))
  if (!answer) return TASK_UNAVAILABLE
  const ended = answer.end
  if (!ended) return noSuchTask(task)
  if (isDenied(ended)) return tokenRejected(ended.denied, request)
  if ("frozen" in ended) return quarantined(task, ended, record)
  const { status } = ended
  // The ledger records the end in the same transaction.
  if ("isLive" in ended) return { answer: { task, status, ended: [] }, record: recordBy(ended, record) }
  return { answer: { task, status, ended: ended.ended }, record: null }
}

/** Denies the calls of a task until an operator releases it. */
export const quarantineTask: Handler<"quarantineTask"> = async ({ parameters, caller, body, context, started }) => {
  const { task } = parameters
  if (!isOwnTaskId(context.env, task)) return noSuchTask(task)
  const record = recordOf({ ...ALLOWED, ...caller, task, arguments: { ...body }, ...started })
  const answer = await askLedger(context.env, task, async (ledger) => ({
    end: await ledger.end({ task, ...QUARANTINED }, null, record),
  }))
  if (!answer) return TASK_UNAVAILABLE
  const ended = answer.end
  if (!ended || !("ended" in ended)) return noSuchTask(task)
  if (ended.status === "pending") return pending(task)
  return { answer: { task, status: ended.status, frozen: ended.ended }, record: null }
}

export const releaseTask: Handler<"releaseTask"> = async ({ parameters, caller, body, context, started }) => {
  const { task } = parameters
  if (!isOwnTaskId(context.env, task)) return noSuchTask(task)
  const record = recordOf({ ...ALLOWED, ...caller, task, arguments: { ...body }, ...started })
  const answer = await askLedger(context.env, task, async (ledger) => ({
    status: await ledger.release(task, record),
  }))
  if (!answer) return TASK_UNAVAILABLE
  const { status } = answer
  return status === null ? noSuchTask(task) : { answer: { task, status }, record: null }
}

export const clearLabels: Handler<"clearLabels"> = async ({ parameters, caller, body, context, started }) => {
  const { task } = parameters
  if (!isOwnTaskId(context.env, task)) return noSuchTask(task)
  const record = recordOf({ ...ALLOWED, ...caller, task, arguments: { ...body }, ...started })
  const answer = await askLedger(context.env, task, async (ledger) => ({
    cleared: await ledger.clearLabels(task, body.labels ?? null, record),
  }))
  if (!answer) return TASK_UNAVAILABLE
  const { cleared } = answer
  return cleared === null ? noSuchTask(task) : { answer: { task, cleared }, record: null }
}

const ALLOWED = { decision: "allow", code: "ok" } as const

/**
 * The presenter of a token of a task that has ended is not proven to be its agent, so the record does not name them.
 */
function recordBy({ isLive }: { readonly isLive: boolean }, record: DecisionRecord): DecisionRecord {
  return isLive ? record : withoutIdentity(record)
}

/** The agent may know of the quarantine, because it sees the task's state, and waits until an operator decides. */
function quarantined(
  ended: string,
  found: { readonly frozen: string; readonly isLive: boolean },
  record: DecisionRecord,
): ApiError<"task_quarantined"> {
  const { frozen: task } = found
  const denial = { reason: "task_quarantined", task } as const
  const denied = { decision: "deny", code: "task_quarantined", denial } as const
  return {
    error: "task_quarantined",
    description: `${task === ended ? "The task" : `The task ${task}`} is quarantined: only an operator ends it.`,
    denial,
    record: recordBy(found, { ...record, ...denied }),
  }
}

/**
 * A pending task cannot be quarantined, and the operator must learn that: the task would begin once the user consents.
 */
function pending(task: string): ApiError<"task_pending"> {
  return {
    error: "task_pending",
    description: "The task waits for a person's consent and cannot be quarantined: revoke it instead.",
    denial: { reason: "task_pending", task },
    record: { task },
  }
}

function byWhom(caller: TaskCaller, task: string): Partial<DecisionRecord> {
  if (caller.kind === "operator") return { ...ALLOWED, task, ...caller.permitted }
  return { ...ALLOWED, task, ...recordedAgent(caller) }
}
