/**
 * `/v1/risks`: what others have seen of an agent, a user or a task, told by an operator, a pipeline mostly. It permits
 * nothing; rules read it as `context.risk`. The answer comes when it holds: the next call is judged by it.
 */
import { recordOf } from "../core/record/record.ts"
import { riskAt } from "../core/guardrails/risk.ts"
import { askLedger } from "../ledger/ask.ts"
import { rootOf } from "../core/task/state.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { ListedRisk } from "../core/signals/leased-risks.ts"
import { switchboard } from "../revocation/switchboard.ts"
import type { Handler } from "./handler.ts"
import type { ApiError } from "./outcome.ts"
import { namedTarget, near } from "./revocation-targets.ts"

export const reportRisk: Handler<"reportRisk"> = async ({ body, caller, bundle, context, started }) => {
  const { kind, name, level, half_life, reason, stream, confirm } = body
  const report = { [kind]: name, level, ...(level > 0 && { half_life }), ...(stream !== undefined && { stream }) }
  const record = { arguments: { ...report, ...(reason !== undefined && { reason }) } }
  const outOfReach = {
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
      return outOfReach
    }
    const of = kind === "agent" ? { chain: [name] } : { user: name }
    return { answer: report, record: { ...record, ...of } }
  }
  const kept = recordOf({ decision: "allow", code: "ok", ...caller, ...record, ...started, task: name })
  const answer = await askLedger(context.env, rootOf(name), async (ledger) => ({
    found: await ledger.rate(name, signal, kept),
  }))
  if (!answer) return outOfReach
  // What was reported is recorded by the ledger, together with it.
  if (answer.found) return { answer: report, record: null }
  const denial = { reason: "not_found", what: "task" } as const
  return { error: "not_found", description: "There is no such task, or no longer.", denial, record }
}

interface UnknownName {
  readonly what: "agent" | "user" | "stream"
  readonly nearest: readonly string[]
}

/**
 * What is told of a misspelt name would be acknowledged, and no call of whoever is meant judged by it. Null: it is known, or
 * that cannot be seen, which holds nothing up; or something was told of it before, which can be lifted.
 */
async function unknownName(
  kind: "agent" | "user",
  name: string,
  stream: string | undefined,
  bundle: Bundle,
  env: Env,
): Promise<UnknownName | null> {
  const streams = bundle.streams.map(({ id }) => id)
  const { known, nearest } = await namedTarget(kind, name, bundle, env)
  const isStream = stream === undefined || streams.includes(stream)
  if (known !== false && isStream) return null
  const told: readonly ListedRisk[] = JSON.parse(await switchboard(env).risks())
  const ofName = told.filter(([of, whose]) => of === kind && whose === name)
  if (ofName.length === 0 && known === false) return { what: kind, nearest }
  if (isStream || ofName.some(([, , , , , source]) => source?.startsWith(`${stream}|`))) return null
  return { what: "stream", nearest: near(stream, streams) }
}

function noSuchName({ what, nearest }: UnknownName): ApiError<"not_found"> {
  const description = `Nothing is changed: no ${what} of this name is known. To report it all the same, send "confirm": true.`
  return { error: "not_found", description, denial: { reason: "not_found", what }, members: { nearest } }
}

/** Those of agents and users; what was reported of a task is shown with the task. */
export const listRisks: Handler<"listRisks"> = async ({ context }) => {
  const listed: readonly ListedRisk[] = JSON.parse(await switchboard(context.env).risks())
  const now = Date.now()
  return { answer: { risks: listed.map((risk) => shown(risk, now)) } }
}

function shown([kind, name, level, at, half_life, source]: ListedRisk, now: number) {
  const risk = { [kind]: name, level, half_life, at, now: riskAt({ level, at, halfLife: half_life }, now) }
  const [stream = "", event = ""] = source?.split("|") ?? []
  return source === undefined ? risk : { ...risk, stream, event }
}
