/**
 * `POST /v1/explanations`: what the live bundle, or the candidate, makes of one call and why, for operators. It decides
 * nothing and leaves nothing but its own record.
 */
import * as z from "zod"
import { findRecord } from "../audit/record-logs.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { MAX_SHOWN } from "../core/record/truncation.ts"
import { explainImagined, explainRecorded, type ImaginedCall } from "../core/explanation/explain.ts"
import { isMisread, readBody } from "../platform/json-body.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { candidateAwaited } from "../bundles/candidate.ts"
import { fetchBody } from "../bundles/store.ts"
import { userOfId } from "../core/policy/principals.ts"
import type { RequestContext } from "../request-context.ts"
import { authenticateOperator, permitOperator } from "./operator.ts"
import { malformed, type ApiResult } from "./outcome.ts"

const MAX_BODY_BYTES = 65_536
const named = z.string().min(1).max(2_048)
/** A record that named as many would not be told whole. */
const names = z.array(z.string().min(1).max(256)).max(MAX_SHOWN - 1)

const imagined = z.strictObject({
  agent: named,
  purpose: z.string().max(256).optional(),
  /** Absent or null: on nobody's behalf. */
  user: z
    .strictObject({
      /** Issuer and subject, joined by `|`. */
      id: named.refine((id) => userOfId(id) !== null),
      groups: names.default([]),
      acr: z.string().max(256).optional(),
      /** Seconds since they logged in. */
      auth_age: z.int().min(0).max(1_000_000_000).optional(),
    })
    .nullish(),
  tool: z.string().min(1).max(256),
  arguments: z.record(z.string(), z.unknown()).default({}),
  gateway: z.string().max(256).optional(),
  environment: z.string().max(256).optional(),
  labels: names.default([]),
  calls: z.int().min(0).max(1_000_000_000).default(0),
  risk: z.int().min(0).max(100).default(0),
  bound_key: z.boolean().default(false),
  approvals: names.default([]),
})

const which = { bundle: z.enum(["live", "candidate"]).default("live") }
const bodySchema = z.union([
  /** A call that was decided, by its decision. */
  z.strictObject({ ...which, decision: z.string().regex(/^dec_[0-9A-Z]{26}$/) }),
  z.strictObject({ ...which, call: imagined }),
])
type Imagined = z.infer<typeof imagined>

export async function explain(request: Request, live: Bundle, context: RequestContext): Promise<ApiResult> {
  const asker = await authenticateOperator(request, "viewer", live, context)
  if ("status" in asker) return asker
  const body = await readBody(request, bodySchema, MAX_BODY_BYTES)
  if (isMisread(body)) return malformed(`${body.wrong} ${USAGE}`)
  const target = "decision" in body ? body.decision : body.call.agent
  const permitted = permitOperator(asker, { area: "explanations", kind: "explanation", target }, live)
  if ("status" in permitted) return permitted
  // It tells of the decision what its record does.
  const thing = { area: "decisions", kind: "decision", target } as const
  const mayRead = "decision" in body ? permitOperator({ ...asker, method: "GET" }, thing, live) : permitted
  if ("status" in mayRead) return mayRead
  const { env, config, receivedAt } = context
  const bundle = body.bundle === "live" ? live : await candidateAwaited(env.BUNDLES, config, live, receivedAt)
  if (!bundle) return notThere("candidate", permitted)
  const record = { decision: "allow", code: "ok", ...permitted } as const
  if ("call" in body) {
    const call = callOf(body.call, bundle, receivedAt)
    const explained = explainImagined(bundle, call, receivedAt)
    return { status: 200, body: { ...explained, call: shownCall(call, bundle), recorded: null }, record }
  }
  const recorded = await findRecord(env, body.decision)
  if (recorded?.kind !== "call") return notThere("decision on a call", permitted)
  const explained = explainRecorded(recorded, bundle, await bundleThen(recorded, [bundle, live], context))
  const { id, decision, code, denial, bundle: by } = recorded
  const then = { id, decision, code, denial, bundle: by }
  return { status: 200, body: { ...explained, call: shownRecorded(recorded), recorded: then }, record }
}

/** Null where it is not to be had any more, or is of a format that this version does not read. */
async function bundleThen(
  { bundle }: DecisionRecord,
  known: readonly Bundle[],
  { env }: RequestContext,
): Promise<Bundle | null> {
  if (!bundle) return null
  const same = known.find(({ pointer }) => pointer.digest === bundle.digest)
  return same ?? fetchBody(env.BUNDLES, bundle).catch(() => null)
}

function callOf(
  {
    agent,
    purpose,
    user,
    tool,
    arguments: args,
    gateway,
    environment,
    labels,
    calls,
    risk,
    bound_key,
    approvals,
  }: Imagined,
  { gateways }: Bundle,
  now: number,
): ImaginedCall {
  const all = [...gateways.values()]
  const at = gateway === undefined ? all[0] : all.find(({ id }) => id === gateway)
  const who = user ? userOfId(user.id) : null
  const login = {
    ...(user?.acr !== undefined && { acr: user.acr }),
    ...(user?.auth_age !== undefined && { auth_time: Math.floor(now / 1000) - user.auth_age }),
  }
  return {
    agent,
    purpose: purpose ?? null,
    user: who && { ...who, groups: user?.groups ?? [], ...login },
    tool,
    arguments: args,
    gateway: gateway ?? at?.id ?? "",
    environment: environment ?? at?.environment ?? "",
    labels,
    calls,
    risk,
    boundKey: bound_key,
    approvals,
  }
}

function shownCall(call: ImaginedCall, { catalog, agents }: Bundle): object {
  const { agent, purpose, user, tool, arguments: args, gateway, environment } = call
  const { action = null, sensitivity = null } = catalog.tools.get(tool) ?? {}
  return {
    chain: [agent],
    purpose: purpose ?? agents.get(agent)?.purposes[0] ?? null,
    user: user && `${user.issuer}|${user.subject}`,
    groups: user?.groups ?? [],
    tool,
    action,
    sensitivity,
    arguments: args,
    gateway,
    environment,
  }
}

function shownRecorded(record: DecisionRecord): object {
  const { chain, purpose, user, groups, tool, action, sensitivity, arguments: args, gateway, environment } = record
  return { chain, purpose, user, groups, tool, action, sensitivity, arguments: args, gateway, environment }
}

/** What there is to ask, after what is wrong with this. */
const USAGE =
  "Give a decision (dec_…), or a call: agent and tool, and, where they matter, user, purpose, arguments, gateway, environment, labels, calls, risk, bound_key, approvals; and bundle: live or candidate."

function notThere(what: string, permitted: Pick<DecisionRecord, "rules"> & { readonly operator: string }): ApiResult {
  const body = { error: "not_found", error_description: `There is no such ${what}.` }
  return { status: 404, body, record: { code: "not_found", denial: { reason: "not_found", what }, ...permitted } }
}
