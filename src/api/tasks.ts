/** `/v1/tasks/:task`: state of a task, its end, and its quarantine by an operator. */
import { disowned, recordOf, type DecisionRecord } from "../core/record/record.ts"
import { isDenied } from "../core/denials/denial.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { askLedger } from "../ledger/ask.ts"
import { isTaskId, rootOf } from "../core/task/state.ts"
import type { ApiRequest, Handler } from "./handler.ts"
import type { ApiError, ApiResult } from "./outcome.ts"
import { noSuchTask, OUT_OF_REACH, tokenRejected, type TaskCaller } from "./task-caller.ts"

export const showTask: Handler<"showTask"> = async ({ request, parameters: { task }, caller, bundle, context }) => {
  if (!isTaskId(task)) return noSuchTask(task)
  const viewed = await askLedger(context.env, rootOf(task), async (ledger) => ({
    found: await ledger.view(LEDGER_VERSION, bundle.pointer, task, caller.kind === "agent" ? caller : null),
  }))
  if (!viewed) return OUT_OF_REACH
  if (viewed.found && isDenied(viewed.found)) return tokenRejected(viewed.found.denied, request)
  return viewed.found ? { answer: viewed.found, record: byWhom(caller, task) } : noSuchTask(task)
}

/** How its agent ends a task; an operator's end revokes it. */
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
  if (!isTaskId(task)) return noSuchTask(task)
  const agent = caller.kind === "agent" ? caller : null
  const record = recordOf({ ...byWhom(caller, task), arguments: { ...body }, ...started })
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    end: await ledger.end({ task, ...(agent ? byAgent : REVOKED) }, agent, record),
  }))
  if (!answer) return OUT_OF_REACH
  const ended = answer.end
  if (!ended) return noSuchTask(task)
  if (isDenied(ended)) return tokenRejected(ended.denied, request)
  if ("frozen" in ended) return quarantined(task, ended, record)
  const { status } = ended
  // What ended something is recorded by the ledger, together with the end.
  if ("isLive" in ended) return { answer: { task, status, ended: [] }, record: recordBy(ended, record) }
  return { answer: { task, status, ended: ended.ended }, record: null }
}

/** Its calls are denied until an operator releases it. */
export const quarantineTask: Handler<"quarantineTask"> = async ({ parameters, caller, body, context, started }) => {
  const { task } = parameters
  if (!isTaskId(task)) return noSuchTask(task)
  const record = recordOf({ ...ALLOWED, ...caller, task, arguments: { ...body }, ...started })
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    end: await ledger.end({ task, ...QUARANTINED }, null, record),
  }))
  if (!answer) return OUT_OF_REACH
  const ended = answer.end
  if (!ended || !("ended" in ended)) return noSuchTask(task)
  if (ended.status === "pending") return pending(task)
  return { answer: { task, status: ended.status, frozen: ended.ended }, record: null }
}

export const releaseTask: Handler<"releaseTask"> = async ({ parameters, caller, body, context, started }) => {
  const { task } = parameters
  if (!isTaskId(task)) return noSuchTask(task)
  const record = recordOf({ ...ALLOWED, ...caller, task, arguments: { ...body }, ...started })
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    status: await ledger.release(task, record),
  }))
  if (!answer) return OUT_OF_REACH
  const { status } = answer
  return status === null ? noSuchTask(task) : { answer: { task, status }, record: null }
}

const ALLOWED = { decision: "allow", code: "ok" } as const

/** Whoever shows the token of a task that has ended is not proven to be its agent. */
function recordBy({ isLive }: { readonly isLive: boolean }, record: DecisionRecord): DecisionRecord {
  return isLive ? record : disowned(record)
}

/** Its agent may know: it sees the task's state, and waits for the operator to whom this is left. */
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

/** An operator must not believe that it is quarantined: once the person consents, it begins. */
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
  const { agent, user, hash, proof } = caller
  return { ...ALLOWED, task, chain: [agent], user, token_hash: hash, bound: proof !== null }
}
