/**
 * `/v1/approvals`: what a person is asked, tasks that have not begun and single calls, and what they say to a task. To a
 * call they answer at its own address (call-approvals.ts).
 */
import { inboxesOf } from "../core/task/approvers.ts"
import { recordOf } from "../core/record/record.ts"
import type { Person } from "../credentials/person.ts"
import { inboxOf } from "../ledger/inbox.ts"
import { logEvent } from "../platform/log.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { isTaskId, rootOf } from "../core/task/state.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { userId } from "../core/policy/principals.ts"
import type { RequestContext } from "../request-context.ts"
import { shownApproval } from "./call-approvals.ts"
import type { Handler } from "./handler.ts"
import type { ApiError } from "./outcome.ts"
import { OUT_OF_REACH, type Answerer } from "./person.ts"

/** Calls that are looked at for one answer, each tree's by one request. */
const MOST_CALLS = 100

export const listApprovals: Handler<"listApprovals"> = async ({ caller, bundle, context }) => {
  const { person } = caller.answering
  const tasks = person ? await waitingFor(person, context) : []
  const shown = tasks && (await Promise.all(tasks.map(async (task) => show(task, person, context))))
  const calls = await callsFor(caller, bundle, context)
  // A list that is not whole would tell the person that nothing else is asked of them.
  if (!shown || shown.includes("unreachable") || !calls) return OUT_OF_REACH
  const waiting = shown.flatMap((each) => (each !== "unreachable" && each?.status === "pending" ? [each] : []))
  return { answer: { approvals: [...waiting, ...calls.shown], ...(calls.more && { more: true }) } }
}

/** Single calls that wait for this person, the latest first, and whether there may be more; null where that cannot be known. */
async function callsFor({ answering }: Answerer, bundle: Bundle, { env, background }: RequestContext) {
  try {
    const inboxes = inboxesOf(bundle, answering).map((inbox) => inboxOf(env, inbox))
    const waiting = new Map(
      (await Promise.all(inboxes.map(async (inbox) => inbox.listCalls()))).flat().map((call) => [call.id, call]),
    )
    // Of each agent the latest before the second of any: one that asks much hides nobody's.
    const latest = [...waiting.values()]
      .toSorted((one, other) => one.nth - other.nth || (one.id < other.id ? 1 : -1))
      .slice(0, MOST_CALLS)
    const trees = [...Map.groupBy(latest, ({ task }) => rootOf(task))]
    const asked = await Promise.all(
      trees.map(async ([root, calls]) => {
        const ids = calls.map(({ id }) => id)
        return askLedger(env, root, async (ledger) =>
          ledger.approvalsFor(LEDGER_VERSION, bundle.pointer, ids, answering),
        )
      }),
    )
    if (asked.includes(null)) return null
    const gone = asked.flatMap((each) => each?.gone ?? [])
    if (gone.length > 0) background(drop(gone, inboxes))
    const found = asked.flatMap((each) => each?.waiting ?? []).toSorted((a, b) => (a.asked.id < b.asked.id ? 1 : -1))
    const shown = found.map(({ asked: one, unanswerable }) =>
      Object.assign({ unanswerable }, shownApproval(one, bundle)),
    )
    return { shown, more: waiting.size > MOST_CALLS }
  } catch (error) {
    logEvent("inbox_failed", { error: String(error) })
    return null
  }
}

/** What waits no more leaves its place to others. */
async function drop(gone: readonly string[], inboxes: readonly ReturnType<typeof inboxOf>[]): Promise<void> {
  try {
    await Promise.all(inboxes.map(async (inbox) => inbox.removeCalls(gone)))
  } catch (error) {
    logEvent("inbox_failed", { error: String(error) })
  }
}

export const showApproval: Handler<"showApproval"> = async ({ parameters: { task }, caller, context }) => {
  const shown = isRoot(task) ? await show(task, caller.user, context) : null
  if (shown === "unreachable") return OUT_OF_REACH
  return shown ? { answer: shown, record: { task } } : notAsked(task)
}

export const answerApproval: Handler<"answerApproval"> = async ({ parameters, body, caller, context, started }) => {
  const { task } = parameters
  if (!isRoot(task)) return notAsked(task)
  const { user, expiresAt: until, issuedAt: since } = caller
  const approved = body.decision === "approve"
  const code = approved ? "ok" : "access_denied"
  const record = recordOf({ decision: "allow", operator: userId(user), ...started, code, task })
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    taken: await ledger.answer({ approved, person: user, until, since }, record),
  }))
  if (!answer) return OUT_OF_REACH
  if (!answer.taken) return notAsked(task)
  context.background(inboxOf(context.env, { user: userId(user) }).remove(task))
  return { answer: { task, decision: body.decision }, record: null }
}

type Asked = Person["user"]

/** Null where that cannot be known. */
async function waitingFor(user: Asked, { env }: RequestContext): Promise<readonly string[] | null> {
  try {
    return await inboxOf(env, { user: userId(user) }).list()
  } catch (error) {
    logEvent("inbox_failed", { error: String(error) })
    return null
  }
}

/** Null where there is nothing to answer. */
async function show(task: string, user: Asked | null, { env }: RequestContext) {
  if (!user) return null
  const found = await askLedger(env, rootOf(task), async (ledger) => ({ asked: await ledger.consentFor(user) }))
  if (!found) return "unreachable" as const
  if (!found.asked) return null
  const { consent, task: view } = found.asked
  const { agent, purpose, scope, authorization_details } = view
  const { audience, bindingMessage: binding_message, expiresAt: expires_at } = consent
  const most = { calls: view.calls.limit, life: Math.floor(consent.life / 1000), plan: view.plan }
  const status = consent.answer ? (consent.answer.approved ? "approved" : "rejected") : "pending"
  const asked = { agent, purpose, audience, scope, authorization_details, ...most, binding_message, expires_at }
  return { kind: "task" as const, task, ...asked, status } as const
}

/** A person is asked about a whole tree. */
const isRoot = (task: string): boolean => isTaskId(task) && rootOf(task) === task

/** The same answer whether there is none, it is another's, or it is over. */
function notAsked(task: string): ApiError<"not_found"> {
  const denial = { reason: "not_found", what: task.slice(0, 128) } as const
  return { error: "not_found", description: "Nothing of this person is waiting under this id.", denial }
}
