/**
 * `/v1/approvals`: what a person is asked, tasks that have not begun and single calls, and what they say to a task. To a
 * call they answer at its own address (call-approvals.ts).
 */
import * as z from "zod"
import { inboxesOf } from "../core/task/approvers.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import type { Person } from "../credentials/person.ts"
import { inboxOf } from "../ledger/inbox.ts"
import { logEvent } from "../platform/log.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { isTaskId, rootOf } from "../core/task/state.ts"
import type { TaskView } from "../core/task/view.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { userId } from "../core/policy/principals.ts"
import type { RequestContext } from "../request-context.ts"
import { isMisread, readBody } from "../platform/json-body.ts"
import { shownApproval } from "./call-approvals.ts"
import { malformed, type ApiResult, type RecordStart } from "./outcome.ts"
import { answererOf, byWhom, OUT_OF_REACH, personOf, type Answerer } from "./person.ts"

const MAX_BODY_BYTES = 4_096
const bodySchema = z.strictObject({ decision: z.enum(["approve", "reject"]) })

/** As the person is shown it. */
interface ShownApprovals {
  readonly kind: "task"
  readonly task: string
  readonly agent: string
  readonly purpose: string
  /** Of the token that it would get, and of every one of the task. */
  readonly audience: string
  /** Tools and actions that it would get at most, in scopes. */
  readonly scope: string
  readonly authorization_details: TaskView["authorization_details"]
  readonly calls: number | null
  readonly binding_message: string | null
  /** Milliseconds. */
  readonly expires_at: number
  /** Seconds that it may then live at most, and the calls that its work is made of, where its purpose has a plan. */
  readonly life: number
  readonly plan: TaskView["plan"]
  /** What they have said of it. */
  readonly status: "pending" | "approved" | "rejected"
}

/** Calls that are looked at for one answer, each tree's by one request. */
const MOST_CALLS = 100

export async function listApprovals(request: Request, bundle: Bundle, context: RequestContext): Promise<ApiResult> {
  const answerer = await answererOf(request, "POST", null, bundle, context)
  if ("status" in answerer) return answerer
  const { person } = answerer.answering
  const tasks = person ? await waitingFor(person, context) : []
  const shown = tasks && (await Promise.all(tasks.map(async (task) => show(task, person, context))))
  const calls = await callsFor(answerer, bundle, context)
  // A list that is not whole would tell the person that nothing else is asked of them.
  if (!shown || shown.includes("unreachable") || !calls) return OUT_OF_REACH
  const waiting = shown.filter((each) => each !== "unreachable" && each?.status === "pending")
  const approvals = [...waiting, ...calls.shown]
  return { status: 200, body: { approvals, ...(calls.more && { more: true }) }, record: recordBy(answerer) }
}

/** Single calls that wait for this person, the latest first, and whether there may be more; null where that cannot be known. */
async function callsFor(
  { answering }: Answerer,
  bundle: Bundle,
  { env, background }: RequestContext,
): Promise<{ readonly shown: readonly unknown[]; readonly more: boolean } | null> {
  try {
    const inboxes = inboxesOf(bundle, answering).map((inbox) => inboxOf(env, inbox))
    const known = new Map(
      (await Promise.all(inboxes.map(async (inbox) => inbox.listCalls()))).flat().map((call) => [call.id, call]),
    )
    // Of each agent the latest before the second of any: one that asks much hides nobody's.
    const latest = [...known.values()]
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
    return { shown, more: known.size > MOST_CALLS }
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

function recordBy({ answering: { person, operator } }: Answerer): Partial<DecisionRecord> {
  return person ? byWhom(person) : { decision: "allow", code: "ok", operator }
}

export async function showApproval(
  request: Request,
  task: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<ApiResult> {
  const person = await personOf(request, bundle, context)
  if ("status" in person) return person
  const shown = isRoot(task) ? await show(task, person.user, context) : null
  if (shown === "unreachable") return OUT_OF_REACH
  return shown ? { status: 200, body: shown, record: { ...byWhom(person.user), task } } : notAsked(task, person)
}

export async function answerApproval(
  request: Request,
  task: string,
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const person = await personOf(request, bundle, context)
  if ("status" in person) return person
  const body = await readBody(request, bodySchema, MAX_BODY_BYTES)
  if (isMisread(body)) return malformed(`${body.wrong} Send {"decision": "approve"} or {"decision": "reject"}.`)
  if (!isRoot(task)) return notAsked(task, person)
  const { user, expiresAt: until, issuedAt: since } = person
  const approved = body.decision === "approve"
  const said = { approved, person: user, until, since }
  const code = approved ? "ok" : "access_denied"
  const record = recordOf({ ...byWhom(person.user), ...known, kind: "approval", code, task })
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    taken: await ledger.answer(said, record),
  }))
  if (!answer) return OUT_OF_REACH
  if (!answer.taken) return notAsked(task, person)
  context.background(inboxOf(context.env, { user: userId(user) }).remove(task))
  return { status: 200, body: { task, decision: body.decision }, record: null }
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
async function show(
  task: string,
  user: Asked | null,
  { env }: RequestContext,
): Promise<ShownApprovals | "unreachable" | null> {
  if (!user) return null
  const found = await askLedger(env, rootOf(task), async (ledger) => ({ asked: await ledger.consentFor(user) }))
  if (!found) return "unreachable"
  if (!found.asked) return null
  const { consent, task: view } = found.asked
  const { agent, purpose, scope, authorization_details } = view
  const { audience, bindingMessage: binding_message, expiresAt: expires_at } = consent
  const most = { calls: view.calls.limit, life: Math.floor(consent.life / 1000), plan: view.plan }
  const status = consent.answer ? (consent.answer.approved ? "approved" : "rejected") : "pending"
  const asked = { agent, purpose, audience, scope, authorization_details, ...most, binding_message, expires_at }
  return { kind: "task", task, ...asked, status }
}

/** A person is asked about a whole tree. */
const isRoot = (task: string): boolean => isTaskId(task) && rootOf(task) === task

/** The same answer whether there is none, it is another's, or it is over. */
function notAsked(task: string, person: Person): ApiResult {
  const body = { error: "not_found", error_description: "Nothing of this person is waiting under this id." }
  const denial = { reason: "not_found", what: task.slice(0, 128) } as const
  return { status: 404, body, record: { ...byWhom(person.user), decision: "deny", code: "not_found", denial } }
}
