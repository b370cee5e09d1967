/**
 * `GET /v1/tasks/:task/approvals/:approval` for the agent of the task: the state of the approval that a denial named.
 * `Prefer: wait=N` waits for a decision (RFC 7240, section 4.3) in the ledger's memory.
 */
import { isDenied } from "../core/denials/denial.ts"
import { APPROVAL_RETRY_AFTER } from "../core/task/approval.ts"
import { askStub, LEDGER_TIMEOUT_MS } from "../ledger/ask.ts"
import { ledgerOfTask } from "../platform/task-id.ts"
import { currentSwitches } from "../revocation/lease.ts"
import { stopOf } from "../revocation/token-stop.ts"
import { CONTRACT } from "./contract/contract.ts"
import type { Handler } from "./handler.ts"
import { noSuchTask, recordedAgent, TASK_UNAVAILABLE, tokenRejected } from "./task-caller.ts"

export const showOwnApproval: Handler<"showOwnApproval"> = async ({ request, parameters, caller, context }) => {
  const { task, approval: id } = parameters
  const seconds = waitOf(request.headers.get("prefer"))
  const wait = seconds * 1000
  const { env, config } = context
  const read = await askStub(
    () => ledgerOfTask(env, task),
    async (ledger) => ({ found: await ledger.ownApproval({ task, id }, caller, wait) }),
    LEDGER_TIMEOUT_MS + wait,
  )
  if (!read) return TASK_UNAVAILABLE
  const { found } = read
  if (!found) return noSuchTask(task)
  if (isDenied(found)) return tokenRejected(found.denied, request)
  // Meanwhile an operator may have stopped it.
  const stopped = stopOf(await currentSwitches(context), caller.verified, null)
  if (stopped) return tokenRejected(stopped, request)
  const { name, status, uses, expiresAt: expires_at, limitedBy: limited_by, hasWaited } = found
  const url = `${config.issuer}/console/approvals/${task}/${id}`
  const headers = {
    ...(status === "pending" && { "Retry-After": String(APPROVAL_RETRY_AFTER) }),
    ...(hasWaited && { "Preference-Applied": `wait=${seconds}` }),
  }
  return {
    answer: { kind: "own", id, task, name, status, uses, expires_at, limited_by, url },
    record: { task, ...recordedAgent(caller) },
    headers,
  }
}

/** Seconds, no more than may be waited; 0: none. Of two of the same name the first counts (RFC 7240, section 2). */
function waitOf(prefer: string | null): number {
  const [, seconds = "0"] = /(?:^|,)\s*wait\s*=\s*"?(\d{1,5})"?\s*(?=[,;]|$)/i.exec(prefer ?? "") ?? []
  return Math.min(Number(seconds), CONTRACT.showOwnApproval.waits)
}
