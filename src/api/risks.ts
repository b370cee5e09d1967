/**
 * `/v1/risks`: the risk of an agent, a user or a task, as an operator, usually a pipeline, reports it. A risk permits
 * nothing; rules read it as `context.risk`. The answer is sent once the risk is in force for the next call.
 */
import { recordOf } from "../core/record/record.ts"
import { riskAt } from "../core/guardrails/risk.ts"
import { askLedger } from "../ledger/ask.ts"
import { isOwnTaskId } from "../platform/task-id.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { ListedRisk } from "../core/signals/leased-risks.ts"
import { switchboard } from "../revocation/switchboard.ts"
import type { Handler } from "./handler.ts"
import type { ApiError } from "./outcome.ts"
import { namedTarget, similarNames } from "./revocation-targets.ts"

export const reportRisk: Handler<"reportRisk"> = async ({ body, caller, bundle, context, started }) => {
  const { kind, name, level, half_life, reason, stream, confirm } = body
  const report = { [kind]: name, level, ...(level > 0 && { half_life }), ...(stream !== undefined && { stream }) }
  const record = { arguments: { ...report, ...(reason !== undefined && { reason }) } }
  const outcomeUnknown = {
    error: "unavailable",
    description: "It is not certain that this holds: report it again.",
    record,
  } as const
  const signal = level === 0 ? null : { level, halfLife: half_life }
  if (kind !== "task") {
    try {
      const board = switchboard(context.env)
      const unknown = confirm ? null : await unknownName(kind, name, stream, bundle, context.env)
      if (unknown) return { ...noSuchName(unknown), record }
      await (stream === undefined ? board.rate(kind, name, signal) : board.forgetRisk(stream, kind, name))
    } catch (error) {
      logEvent("risk_not_kept", { error: String(error) })
      return outcomeUnknown
    }
    const of = kind === "agent" ? { chain: [name] } : { user: name }
    return { answer: report, record: { ...record, ...of } }
  }
  if (!isOwnTaskId(context.env, name)) return { ...UNKNOWN_TASK, record }
  const ledgerRecord = recordOf({ decision: "allow", code: "ok", ...caller, ...record, ...started, task: name })
  const answer = await askLedger(context.env, name, async (ledger) => ({
    found: await ledger.rate(name, signal, ledgerRecord),
  }))
  if (!answer) return outcomeUnknown
  // The ledger records the report in the same transaction.
  if (answer.found === "rated") return { answer: report, record: null }
  return { ...(answer.found === "pending" ? pendingTask(name) : UNKNOWN_TASK), record }
}

const UNKNOWN_TASK = {
  error: "not_found",
  description: "There is no such task, or no longer.",
  denial: { reason: "not_found", what: "task" },
} as const

/** Until then it is in no ledger in which a risk of it would apply; an operator must learn that. */
function pendingTask(task: string): ApiError<"task_pending"> {
  return {
    error: "task_pending",
    description: "The task waits for a person's consent: report a risk of its agent, or revoke the task.",
    denial: { reason: "task_pending", task },
  }
}

interface UnknownName {
  readonly what: "agent" | "user" | "stream"
  readonly nearest: readonly string[]
}

/**
 * The report of a misspelt name would be acknowledged, and would affect no call. Returns null if the name is known, if
 * it cannot be looked up (which does not delay a report), or if it has a reported risk, which can then be withdrawn.
 */
async function unknownName(
  kind: "agent" | "user",
  name: string,
  stream: string | undefined,
  bundle: Bundle,
  env: Env,
): Promise<UnknownName | null> {
  const streams = bundle.streams.map(({ id }) => id)
  const { known: isKnown, nearest } = await namedTarget(kind, name, bundle, env)
  const isStream = stream === undefined || streams.includes(stream)
  if (isKnown !== false && isStream) return null
  const risks: readonly ListedRisk[] = JSON.parse(await switchboard(env).risks())
  const ofName = risks.filter(([of, whose]) => of === kind && whose === name)
  if (ofName.length === 0 && isKnown === false) return { what: kind, nearest }
  if (isStream || ofName.some(([, , , , , source]) => source?.startsWith(`${stream}|`))) return null
  return { what: "stream", nearest: similarNames(stream, streams) }
}

function noSuchName({ what, nearest }: UnknownName): ApiError<"not_found"> {
  const description = `Nothing is changed: no ${what} of this name is known. To report it all the same, send "confirm": true.`
  return { error: "not_found", description, denial: { reason: "not_found", what }, members: { nearest } }
}

/** Lists the risks of agents and users; a task's risk is shown with the task. */
export const listRisks: Handler<"listRisks"> = async ({ context }) => {
  const risks: readonly ListedRisk[] = JSON.parse(await switchboard(context.env).risks())
  const now = Date.now()
  return { answer: { risks: risks.map((risk) => riskView(risk, now)) } }
}

function riskView([kind, name, level, at, half_life, source]: ListedRisk, now: number) {
  const risk = { [kind]: name, level, half_life, at, now: riskAt({ level, at, halfLife: half_life }, now) }
  const [stream = "", event = ""] = source?.split("|") ?? []
  return source === undefined ? risk : { ...risk, stream, event }
}
