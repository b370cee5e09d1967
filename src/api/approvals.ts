/**
 * `/v1/approvals`: the approvals for which a person is responsible (consents to tasks that have not begun, and single
 * calls), and their decision on a task. They decide on a call at that call's own address (call-approvals.ts).
 */
import { inboxesOf } from "../core/task/approvers.ts"
import { recordOf } from "../core/record/record.ts"
import { inboxOf } from "../ledger/inbox.ts"
import { logEvent } from "../platform/log.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { isOwnTaskId } from "../platform/task-id.ts"
import { rootOf } from "../core/task/state.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { userId, type UserFacts } from "../core/policy/principals.ts"
import type { RequestContext } from "../request-context.ts"
import { approvalView } from "./call-approvals.ts"
import type { Handler } from "./handler.ts"
import type { ApiError } from "./outcome.ts"
import { UNAVAILABLE, type ApprovingCaller } from "./person.ts"

/** How many calls one answer lists; each task tree with such calls costs one request to its ledger. */
const MOST_CALLS = 100

export const listApprovals: Handler<"listApprovals"> = async ({ caller, bundle, context }) => {
  const { person } = caller.identity
  const tasks = person ? await consentsOf(person, context) : []
  const consents = tasks && (await Promise.all(tasks.map(async (task) => consentOf(task, person, context))))
  const calls = await callsWaitingFor(caller, bundle, context)
  // An incomplete list would suggest that nothing else waits for this person.
  if (!consents || consents.includes("unreachable") || !calls) return UNAVAILABLE
  const waiting = consents.flatMap((each) => (each !== "unreachable" && each?.status === "pending" ? [each] : []))
  return { answer: { approvals: [...waiting, ...calls.views], ...(calls.more && { more: true }) } }
}

/**
 * Finds the single calls that wait for this person, the latest first, and whether there may be more. Returns null if an
 * inbox or a ledger does not answer.
 */
async function callsWaitingFor({ identity }: ApprovingCaller, bundle: Bundle, { env, background }: RequestContext) {
  try {
    const inboxes = inboxesOf(bundle, identity).map((inbox) => inboxOf(env, inbox))
    const waiting = new Map(
      (await Promise.all(inboxes.map(async (inbox) => inbox.listCalls()))).flat().map((call) => [call.id, call]),
    )
    // The latest call of each agent comes before the second one of any agent, so an agent with many requests hides no
    // other's.
    const latest = [...waiting.values()]
      .toSorted((one, other) => one.nth - other.nth || (one.id < other.id ? 1 : -1))
      .slice(0, MOST_CALLS)
    const trees = [...Map.groupBy(latest, ({ task }) => rootOf(task))]
    const answers = await Promise.all(
      trees.map(async ([root, calls]) => {
        const ids = calls.map(({ id }) => id)
        return askLedger(env, root, async (ledger) =>
          ledger.approvalsFor(LEDGER_VERSION, bundle.pointer, root, ids, identity),
        )
      }),
    )
    if (answers.includes(null)) return null
    const gone = answers.flatMap((each) => each?.gone ?? [])
    if (gone.length > 0) background(removeCalls(gone, inboxes))
    const found = answers.flatMap((each) => each?.waiting ?? []).toSorted((a, b) => (a.asked.id < b.asked.id ? 1 : -1))
    const views = found.map(({ asked: approval, unanswerable }) =>
      Object.assign({ unanswerable }, approvalView(approval, bundle)),
    )
    return { views, more: waiting.size > MOST_CALLS }
  } catch (error) {
    logEvent("inbox_failed", { error: String(error) })
    return null
  }
}

/** Removes calls that no longer wait from the inboxes, so that they do not take the place of others. */
async function removeCalls(gone: readonly string[], inboxes: readonly ReturnType<typeof inboxOf>[]): Promise<void> {
  try {
    await Promise.all(inboxes.map(async (inbox) => inbox.removeCalls(gone)))
  } catch (error) {
    logEvent("inbox_failed", { error: String(error) })
  }
}

export const showApproval: Handler<"showApproval"> = async ({ parameters: { task }, caller, context }) => {
  const consent = isRoot(context.env, task) ? await consentOf(task, caller.user, context) : null
  if (consent === "unreachable") return UNAVAILABLE
  return consent ? { answer: consent, record: { task } } : noSuchApproval(task)
}

export const answerApproval: Handler<"answerApproval"> = async ({ parameters, body, caller, context, started }) => {
  const { task } = parameters
  if (!isRoot(context.env, task)) return noSuchApproval(task)
  const { user, expiresAt: until, issuedAt: since } = caller
  const approved = body.decision === "approve"
  const code = approved ? "ok" : "access_denied"
  const record = recordOf({ decision: "allow", operator: userId(user), ...started, code, task })
  const answer = await askLedger(context.env, task, async (ledger) => ({
    taken: await ledger.answer(task, { approved, person: user, until, since }, record),
  }))
  if (!answer) return UNAVAILABLE
  if (!answer.taken) return noSuchApproval(task)
  context.background(inboxOf(context.env, { user: userId(user) }).remove(task))
  return { answer: { task, decision: body.decision }, record: null }
}

/** Returns null if the inbox does not answer. */
async function consentsOf(user: UserFacts, { env }: RequestContext): Promise<readonly string[] | null> {
  try {
    return await inboxOf(env, { user: userId(user) }).list()
  } catch (error) {
    logEvent("inbox_failed", { error: String(error) })
    return null
  }
}

/** Returns null if no consent of this user waits under this id. */
async function consentOf(task: string, user: UserFacts | null, { env }: RequestContext) {
  if (!user) return null
  const found = await askLedger(env, task, async (ledger) => ({
    asked: await ledger.consentFor(task, user),
  }))
  if (!found) return "unreachable" as const
  if (!found.asked) return null
  const { consent, task: view } = found.asked
  const { agent, purpose, scope, authorization_details, offline } = view
  const { audience, bindingMessage: binding_message, expiresAt: expires_at } = consent
  const most = { calls: view.calls.limit, life: Math.floor(consent.life / 1000), offline, plan: view.plan }
  const status = consent.answer ? (consent.answer.approved ? "approved" : "rejected") : "pending"
  const terms = { agent, purpose, audience, scope, authorization_details, ...most, binding_message, expires_at }
  return { kind: "task" as const, task, ...terms, status } as const
}

/** A person consents to a whole task tree, so only its root has a consent. */
const isRoot = (env: Env, task: string): boolean => isOwnTaskId(env, task) && rootOf(task) === task

/** The answer does not reveal whether there is no such consent, it is another person's, or it has expired. */
function noSuchApproval(task: string): ApiError<"not_found"> {
  const denial = { reason: "not_found", what: task.slice(0, 128) } as const
  return { error: "not_found", description: "Nothing of this person is waiting under this id.", denial }
}
