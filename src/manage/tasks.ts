/**
 * `GET /v1/tasks/:id`, `POST /v1/tasks/:id/complete`: state of a task and its end. Its agent comes with the task's
 * delegation token and reaches its own task and those below; an operator comes with a token of theirs.
 */
import { recordOf, type DecisionRecord, type ManagementDenial } from "../audit/record.ts"
import { readCompact } from "../credential/compact.ts"
import { isRejected } from "../credential/rejection.ts"
import type { Proof } from "../credential/dpop.ts"
import { schemeOf, verifyCredential } from "../credential/verify.ts"
import type { Surroundings } from "../surroundings.ts"
import { challengeOf } from "../challenge.ts"
import { codeOf, isDenied, type Denial } from "../decision.ts"
import { askLedger } from "../ledger/ask.ts"
import { isBelow, isTaskId, rootOf } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { authenticateOperator, bearerOf } from "./operator.ts"
import type { Outcome, RecordStart } from "./outcome.ts"

/** Who asks about a task: one that holds a token of it, or an operator. */
type Asker =
  | {
      readonly kind: "agent"
      readonly agent: string
      readonly user: string | null
      readonly token: string
      readonly proof: Proof | null
    }
  | { readonly kind: "operator"; readonly operator: string }

export async function describeTask(
  request: Request,
  task: string,
  bundle: Bundle,
  around: Surroundings,
): Promise<Outcome> {
  const asker = await askerOf(request, task, "viewer", bundle, around)
  if ("status" in asker) return asker
  const tasks = await askLedger(around.env, rootOf(task), async (ledger) => ({
    found: await ledger.describe(task, asker.kind === "agent" ? asker.proof : null),
  }))
  if (!tasks) return OUT_OF_REACH
  if (tasks.found && isDenied(tasks.found)) return tokenRefused(tasks.found.denied, request)
  return tasks.found ? { status: 200, body: { tasks: tasks.found }, record: byWhom(asker, task) } : notFound(task)
}

export async function completeTask(
  request: Request,
  task: string,
  bundle: Bundle,
  around: Surroundings,
  known: RecordStart,
): Promise<Outcome> {
  const asker = await askerOf(request, task, "operator", bundle, around)
  if ("status" in asker) return asker
  const by = asker.kind === "agent" ? { token: asker.token, proof: asker.proof } : null
  const status = asker.kind === "agent" ? "completed" : "revoked"
  const record = recordOf({ ...byWhom(asker, task), ...known })
  const answer = await askLedger(around.env, rootOf(task), async (ledger) => ({
    end: await ledger.end(task, by, status, record),
  }))
  if (!answer) return OUT_OF_REACH
  if (answer.end && isDenied(answer.end)) return tokenRefused(answer.end.denied, request)
  // What ended something is recorded by the ledger, together with the end.
  return answer.end ? { status: 200, body: { task, ...answer.end }, record: null } : notFound(task)
}

const OUT_OF_REACH: Outcome = {
  status: 503,
  body: { error: "unavailable", error_description: "The task's ledger is out of reach." },
  record: { code: "unavailable" },
}

function refusal(status: 401 | 403 | 404, error: string, description: string, denial: ManagementDenial): Outcome {
  return { status, body: { error, error_description: description }, record: { code: error, denial } }
}

function tokenRefused(because: Denial, { headers }: Request): Outcome {
  const code = codeOf(because)
  if (code === "unavailable") return OUT_OF_REACH
  const denial = { reason: "operator_rejected", because } as const
  const refused = refusal(401, code, "The delegation token is not valid here, or no longer.", denial)
  return { ...refused, headers: challengeOf(because, null, schemeOf(headers.get("authorization"))) }
}

/** The same answer whether there is no such task or it is another's: ids are not to be probed. */
function notFound(task: string): Outcome {
  return refusal(404, "not_found", "There is no such task for this caller.", { reason: "not_found", what: task })
}

function byWhom(asker: Asker, task: string): Partial<DecisionRecord> {
  const who =
    asker.kind === "operator"
      ? { operator: asker.operator }
      : { chain: [asker.agent], user: asker.user, bound: asker.proof !== null }
  return { decision: "allow", code: "ok", task, ...who }
}

async function askerOf(
  request: Request,
  task: string,
  role: "viewer" | "operator",
  bundle: Bundle,
  around: Surroundings,
): Promise<Asker | Outcome> {
  if (!isTaskId(task)) return notFound(task.slice(0, 128))
  const { config, keys, receivedAt } = around
  // An operator's token is a bearer's; DPoP is how an agent shows a token that is bound to its key.
  const bearer = bearerOf(request)
  const isOurs = bearer === null ? request.headers.has("dpop") : issuerOf(bearer) === config.issuer
  if (!isOurs) {
    const operator = await authenticateOperator(request, role, bundle, around)
    return "operator" in operator ? { kind: "operator", operator: operator.operator } : { ...operator }
  }
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
  const { claims } = verified.token
  if (task !== claims.task && !isBelow(task, claims.task)) return notFound(task)
  const { client_id: agent, sub } = claims
  const user = sub === agent ? null : sub
  return { kind: "agent", agent, user, token: claims.jti, proof: verified.proof }
}

function issuerOf(token: string): unknown {
  const compact = readCompact(token)
  return isRejected(compact) ? null : compact.claims["iss"]
}
