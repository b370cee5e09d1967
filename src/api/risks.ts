/**
 * `/v1/risks`: what others have seen of an agent, a user or a task, told by an operator, a pipeline mostly. It permits
 * nothing; rules read it as `context.risk`. The answer comes when it holds: the next call is judged by it.
 */
import * as z from "zod"
import { recordOf } from "../core/record/record.ts"
import { HIGHEST_RISK } from "../core/guardrails/definition.ts"
import { HALF_LIFE, riskAt } from "../core/guardrails/risk.ts"
import { askLedger } from "../ledger/ask.ts"
import { isTaskId, rootOf } from "../core/task/state.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { RequestContext } from "../request-context.ts"
import { MAX_NAME, type ListedRisk } from "../core/signals/leased-risks.ts"
import { switchboard } from "../revocation/switchboard.ts"
import { hasIssuer, NO_TASK_ID, NO_USER_NAME } from "./contract/names.ts"
import { isMisread, readBody } from "../platform/json-body.ts"
import { namedTarget, near } from "./revocation-targets.ts"
import { authenticateOperator, authorizeOperator, permitOperator } from "./operator.ts"
import { malformed, type ApiResult, type RecordStart } from "./outcome.ts"

const MAX_BODY_BYTES = 8_192
/** Characters; a record shows the beginning of what is longer. */
const MAX_REASON = 1_024
const named = z.string().min(1).max(MAX_NAME)

const KINDS = ["agent", "user", "task"] as const
/** Of whom or what: exactly one. Level 0: nothing any more. */
const bodySchema = z
  .strictObject({
    agent: named.optional(),
    user: named.optional(),
    task: z.string().refine(isTaskId, NO_TASK_ID).optional(),
    level: z.int().min(0).max(HIGHEST_RISK),
    half_life: z.int().min(HALF_LIFE.min).max(HALF_LIFE.max).default(HALF_LIFE.default),
    reason: z.string().max(MAX_REASON, `A reason has at most ${MAX_REASON} characters.`).optional(),
    /** Of what it has told, in place of what operators have; to lift it. */
    stream: named.optional(),
    /** Also of a name that is not known. */
    confirm: z.boolean().default(false),
  })
  .transform(({ agent, user, task, ...told }, context) => {
    const of = { agent, user, task }
    const [kind, another] = KINDS.filter((each) => of[each] !== undefined)
    const name = kind && of[kind]
    const isLift = told.stream === undefined || (told.level === 0 && task === undefined)
    if (kind && name !== undefined && !another && isLift) return { kind, name, ...told }
    const message = isLift
      ? "Name exactly one of agent, user, task."
      : "`stream` goes with level 0 of an agent or a user, to lift what that stream of events has told."
    context.addIssue({ code: "custom", message })
    return z.NEVER
  })

const OUT_OF_REACH: ApiResult = {
  status: 503,
  body: { error: "unavailable", error_description: "It is not certain that this holds: tell it again." },
  record: { code: "unavailable" },
}

export async function pushRisk(
  request: Request,
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const asker = await authenticateOperator(request, "operator", bundle, context)
  if ("status" in asker) return asker
  const body = await readBody(request, bodySchema, MAX_BODY_BYTES)
  if (isMisread(body)) return malformed(body.wrong)
  const { kind, name, level, half_life, reason, stream, confirm } = body
  if (confirm && kind === "user" && !hasIssuer(name)) return malformed(NO_USER_NAME)
  const permitted = permitOperator(asker, { area: "risks", kind, target: name }, bundle)
  if ("status" in permitted) return permitted
  const told = { [kind]: name, level, ...(level > 0 && { half_life }), ...(stream !== undefined && { stream }) }
  const record = { ...permitted, arguments: { ...told, ...(reason !== undefined && { reason }) } }
  const allowed = { decision: "allow", code: "ok", ...record } as const
  const signal = level === 0 ? null : { level, halfLife: half_life }
  if (kind !== "task") {
    try {
      const board = switchboard(context.env)
      const unknown = confirm ? null : await unknownName(kind, name, stream, bundle, context.env)
      if (unknown) return refusedName(unknown, record)
      await (stream === undefined ? board.rate(kind, name, signal) : board.forgetRisk(stream, kind, name))
    } catch (error) {
      logEvent("risk_not_kept", { error: String(error) })
      return { ...OUT_OF_REACH, record: { ...record, ...OUT_OF_REACH.record } }
    }
    const of = kind === "agent" ? { chain: [name] } : { user: name }
    return { status: 200, body: told, record: { ...allowed, ...of } }
  }
  const kept = recordOf({ ...allowed, ...known, task: name })
  const answer = await askLedger(context.env, rootOf(name), async (ledger) => ({
    found: await ledger.rate(name, signal, kept),
  }))
  if (!answer) return { ...OUT_OF_REACH, record: { ...record, ...OUT_OF_REACH.record } }
  // What was told is recorded by the ledger, together with it.
  if (answer.found) return { status: 200, body: told, record: null }
  const denial = { reason: "not_found", what: "task" } as const
  const error_description = "There is no such task, or no longer."
  return {
    status: 404,
    body: { error: "not_found", error_description },
    record: { code: "not_found", denial, ...record },
  }
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

function refusedName({ what, nearest }: UnknownName, record: NonNullable<ApiResult["record"]>): ApiResult {
  const error_description = `Nothing is changed: no ${what} of this name is known. To tell it all the same, send "confirm": true.`
  const body = { error: "not_found", error_description, nearest }
  return { status: 404, body, record: { code: "not_found", denial: { reason: "not_found", what }, ...record } }
}

/** Those of agents and users; what is told of a task shows where the task does. */
export async function listRisks(request: Request, bundle: Bundle, context: RequestContext): Promise<ApiResult> {
  const thing = { area: "risks", kind: "risk", target: null } as const
  const permitted = await authorizeOperator(request, "viewer", thing, bundle, context)
  if ("status" in permitted) return permitted
  const listed: readonly ListedRisk[] = JSON.parse(await switchboard(context.env).risks())
  const now = Date.now()
  const risks = listed.map((risk) => shown(risk, now))
  return { status: 200, body: { risks }, record: { decision: "allow", code: "ok", ...permitted } }
}

function shown([kind, name, level, at, half_life, source]: ListedRisk, now: number): Record<string, unknown> {
  const told = { [kind]: name, level, half_life, at, now: riskAt({ level, at, halfLife: half_life }, now) }
  const [stream, event] = source?.split("|") ?? []
  return source === undefined ? told : { ...told, stream, event }
}
