/**
 * `/v1/approvals`: what a person is asked, and what they say. They come with an access token of their own, from a
 * client for managing: with the session that an agent may have, an agent could consent to itself.
 */
import { z } from "zod"
import { recordOf, type DecisionRecord } from "../audit/record.ts"
import { readCompact } from "../credential/compact.ts"
import { readPerson, type Person } from "../credential/person.ts"
import { verifyPersonToken } from "../credential/person-token.ts"
import { isRejected, reject, type Rejected } from "../credential/rejection.ts"
import { inboxOf } from "../exchange/inbox.ts"
import { logEvent } from "../log.ts"
import { askLedger } from "../ledger/ask.ts"
import { isTaskId, rootOf } from "../ledger/state.ts"
import type { TaskView } from "../ledger/view.ts"
import type { Bundle } from "../policy/assemble.ts"
import { userId } from "../policy/facts.ts"
import type { Surroundings } from "../surroundings.ts"
import { checkPerson } from "../credential/session.ts"
import { currentSwitches } from "../switches/lease.ts"
import { stoppedBy, type Switch } from "../switches/switch.ts"
import { denialBy } from "../switches/token.ts"
import { bearerOf } from "./operator.ts"
import { readBody } from "../json-body.ts"
import type { Outcome, RecordStart } from "./outcome.ts"

const MAX_BODY_BYTES = 4_096
const bodySchema = z.strictObject({ decision: z.enum(["approve", "reject"]) })

/** As the person is shown it. */
interface Shown {
  readonly task: string
  readonly agent: string
  readonly purpose: string
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
}

export async function listApprovals(request: Request, bundle: Bundle, around: Surroundings): Promise<Outcome> {
  const person = await personOf(request, bundle, around)
  if ("status" in person) return person
  const tasks = await waitingFor(person, around)
  const shown = tasks && (await Promise.all(tasks.map(async (task) => show(task, person, around))))
  // A list that is not whole would tell the person that nothing else is asked of them.
  if (!shown || shown.includes("unreachable")) return OUT_OF_REACH
  const approvals = shown.filter((each) => each !== null)
  return { status: 200, body: { approvals }, record: byWhom(person) }
}

export async function showApproval(
  request: Request,
  task: string,
  bundle: Bundle,
  around: Surroundings,
): Promise<Outcome> {
  const person = await personOf(request, bundle, around)
  if ("status" in person) return person
  const shown = isRoot(task) ? await show(task, person, around) : null
  if (shown === "unreachable") return OUT_OF_REACH
  return shown ? { status: 200, body: shown, record: { ...byWhom(person), task } } : notAsked(task, person)
}

export async function answerApproval(
  request: Request,
  task: string,
  bundle: Bundle,
  around: Surroundings,
  known: RecordStart,
): Promise<Outcome> {
  const person = await personOf(request, bundle, around)
  if ("status" in person) return person
  const body = await readBody(request, bodySchema, MAX_BODY_BYTES)
  if (!body) return MALFORMED
  if (!isRoot(task)) return notAsked(task, person)
  const { user, expiresAt: until, issuedAt: since } = person
  const approved = body.decision === "approve"
  const said = { approved, person: user, until, since }
  const code = approved ? "ok" : "access_denied"
  const record = recordOf({ ...byWhom(person), ...known, kind: "approval", code, task })
  const answer = await askLedger(around.env, rootOf(task), async (ledger) => ({
    taken: await ledger.answer(said, record),
  }))
  if (!answer) return OUT_OF_REACH
  if (!answer.taken) return notAsked(task, person)
  around.background(inboxOf(around.env, userId(user)).remove(task))
  return { status: 200, body: { task, decision: body.decision }, record: null }
}

/** Null where that cannot be known. */
async function waitingFor({ user }: Person, { env }: Surroundings): Promise<readonly string[] | null> {
  try {
    return await inboxOf(env, userId(user)).list()
  } catch (error) {
    logEvent("inbox_failed", { error: String(error) })
    return null
  }
}

/** Null where there is nothing to answer. */
async function show(task: string, { user }: Person, { env }: Surroundings): Promise<Shown | "unreachable" | null> {
  const found = await askLedger(env, rootOf(task), async (ledger) => ({ asked: await ledger.consentFor(user) }))
  if (!found) return "unreachable"
  if (!found.asked) return null
  const { consent, task: view } = found.asked
  const { agent, purpose, scope, authorization_details } = view
  const { bindingMessage: binding_message, expiresAt: expires_at } = consent
  const most = { calls: view.calls.limit, life: Math.floor(consent.life / 1000), plan: view.plan }
  return { task, agent, purpose, scope, authorization_details, ...most, binding_message, expires_at }
}

/** A person is asked about a whole tree. */
const isRoot = (task: string): boolean => isTaskId(task) && rootOf(task) === task

async function personOf(request: Request, { issuers }: Bundle, around: Surroundings): Promise<Person | Outcome> {
  const { config, reach } = around
  const token = bearerOf(request)
  if (token === null) return refused(null)
  const compact = readCompact(token)
  const verified = isRejected(compact) ? compact : await verifyPersonToken(compact, issuers, config.issuer, reach)
  if (isRejected(verified)) return refused(verified)
  const { issuer, claims } = verified
  // Without a mapping of its claims it is nobody whom an agent could act for.
  if (!issuer.users) return refused(reject({ reason: "issuer_unknown", iss: issuer.issuer }))
  // What their session would have to say of them, this has to say as well.
  const odd = checkPerson(claims, String(claims["client_id"]), issuer.users)
  if (odd) return refused(odd)
  const person = readPerson(claims, issuer.issuer, issuer.users.claims, reach.now)
  if (isRejected(person)) return refused(person)
  const switches = await currentSwitches(around)
  if (!switches) return OUT_OF_REACH
  const affected = { agents: [], user: userId(person.user), kid: null, tool: null, since: person.issuedAt }
  const stopped = stoppedBy(switches, affected)
  return stopped ? stoppedPerson(person, stopped) : person
}

function stoppedPerson(person: Person, by: Switch): Outcome {
  const body = { error: "invalid_token", error_description: "This person's sessions are stopped." }
  const record = { ...byWhom(person), decision: "deny", code: "invalid_token", denial: denialBy(by) } as const
  return { status: 401, body, record }
}

function refused(rejected: Rejected | null): Outcome {
  const because = rejected?.rejected ?? null
  if (because?.reason === "keys_unavailable") return OUT_OF_REACH
  const code = rejected === null ? "missing_token" : "invalid_token"
  const body = { error: code, error_description: "A person's own access token is required." }
  return { status: 401, body, record: { code, denial: { reason: "operator_rejected", because } } }
}

const byWhom = ({ user }: Person): Partial<DecisionRecord> => ({
  decision: "allow",
  code: "ok",
  operator: userId(user),
})

/** The same answer whether there is none, it is another's, or it is over. */
function notAsked(task: string, person: Person): Outcome {
  const body = { error: "not_found", error_description: "Nothing of this person is waiting under this id." }
  const denial = { reason: "not_found", what: task.slice(0, 128) } as const
  return { status: 404, body, record: { ...byWhom(person), decision: "deny", code: "not_found", denial } }
}

const OUT_OF_REACH: Outcome = {
  status: 503,
  body: { error: "unavailable", error_description: "It cannot be seen at the moment." },
  record: { code: "unavailable" },
}
const MALFORMED: Outcome = {
  status: 400,
  body: { error: "invalid_request", error_description: 'Say {"decision": "approve"} or {"decision": "reject"}.' },
  record: { code: "invalid_request" },
}
