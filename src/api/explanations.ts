/**
 * `POST /v1/explanations`: how the live bundle, or the candidate, decides one call, and why. The request changes
 * nothing and leaves only its own record.
 */
import { findRecord } from "../audit/record-logs.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { explainImagined, explainRecorded, type ImaginedCall } from "../core/explanation/explain.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { awaitCandidate } from "../bundles/candidate.ts"
import { fetchBody } from "../bundles/store.ts"
import { withoutRedacted } from "../core/catalog/redaction.ts"
import { userOfId } from "../core/policy/principals.ts"
import type { RequestContext } from "../request-context.ts"
import type { ExplanationRequest, ImaginedCallRequest } from "./contract/explanations.ts"
import type { Handler } from "./handler.ts"
import type { ApiError } from "./outcome.ts"

export const explain: Handler<"explain"> = async ({ body, bundle: live, context }) => {
  const { env, config, receivedAt } = context
  const bundle = body.bundle === "live" ? live : await awaitCandidate(env.BUNDLES, config, live, receivedAt)
  // An explanation discloses rules and what a record has, so its own record shows what an operator has looked for.
  const record = { arguments: requestedIn(body, [live, ...(bundle ? [bundle] : [])]) }
  if (!bundle) return { ...notFound("candidate"), record }
  if ("call" in body) {
    const call = callOf(body.call, bundle, receivedAt)
    const answer = { ...explainImagined(bundle, call, receivedAt), call: callView(call, bundle), recorded: null }
    return { answer, record }
  }
  const decided = await findRecord(env, body.decision)
  if (decided?.kind !== "call") return { ...notFound("decision on a call"), record }
  const explained = explainRecorded(decided, bundle, await bundleThen(decided, [bundle, live], context))
  const { id, decision, code, denial, bundle: by } = decided
  const recorded = { id, decision, code, denial, bundle: by }
  return { answer: { ...explained, call: recordedCallView(decided), recorded }, record }
}

/** What was requested, for the record. If no catalog has the tool, nobody knows which arguments it redacts. */
function requestedIn(body: ExplanationRequest, bundles: readonly Bundle[]): DecisionRecord["arguments"] {
  if (!("call" in body)) return body
  const { call, bundle } = body
  const tools = bundles.flatMap(({ catalog }) => catalog.tools.get(call.tool) ?? [])
  const redact = tools.length === 0 ? null : tools.flatMap((tool) => tool.redact)
  return { bundle, ...call, arguments: withoutRedacted(call.arguments, redact) }
}

/** Returns null if the bundle that decided is no longer stored, or has a format that this version does not read. */
async function bundleThen(
  { bundle }: DecisionRecord,
  atHand: readonly Bundle[],
  { env }: RequestContext,
): Promise<Bundle | null> {
  if (!bundle) return null
  const same = atHand.find(({ pointer }) => pointer.digest === bundle.digest)
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
  }: ImaginedCallRequest,
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

function callView(call: ImaginedCall, { catalog, agents }: Bundle) {
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

function recordedCallView(record: DecisionRecord) {
  const { chain, purpose, user, groups, tool, action, sensitivity, arguments: args, gateway, environment } = record
  return { chain, purpose, user, groups, tool, action, sensitivity, arguments: args, gateway, environment }
}

function notFound(what: string): ApiError<"not_found"> {
  return { error: "not_found", description: `There is no such ${what}.`, denial: { reason: "not_found", what } }
}
