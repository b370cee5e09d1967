/**
 * `POST /v1/explanations`: what the live bundle, or the candidate, makes of one call and why, for operators. It decides
 * nothing and leaves nothing but its own record.
 */
import { findRecord } from "../audit/record-logs.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { explainImagined, explainRecorded, type ImaginedCall } from "../core/explanation/explain.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { candidateAwaited } from "../bundles/candidate.ts"
import { fetchBody } from "../bundles/store.ts"
import { userOfId } from "../core/policy/principals.ts"
import type { RequestContext } from "../request-context.ts"
import type { ImaginedCallRequest } from "./contract/explanations.ts"
import type { Handler } from "./handler.ts"
import type { ApiError } from "./outcome.ts"

export const explain: Handler<"explain"> = async ({ body, bundle: live, context }) => {
  const { env, config, receivedAt } = context
  const bundle = body.bundle === "live" ? live : await candidateAwaited(env.BUNDLES, config, live, receivedAt)
  if (!bundle) return notThere("candidate")
  if ("call" in body) {
    const call = callOf(body.call, bundle, receivedAt)
    return { answer: { ...explainImagined(bundle, call, receivedAt), call: shownCall(call, bundle), recorded: null } }
  }
  const record = await findRecord(env, body.decision)
  if (record?.kind !== "call") return notThere("decision on a call")
  const explained = explainRecorded(record, bundle, await bundleThen(record, [bundle, live], context))
  const { id, decision, code, denial, bundle: by } = record
  return { answer: { ...explained, call: shownRecorded(record), recorded: { id, decision, code, denial, bundle: by } } }
}

/** Null where it is not to be had any more, or is of a format that this version does not read. */
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

function shownCall(call: ImaginedCall, { catalog, agents }: Bundle) {
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

function shownRecorded(record: DecisionRecord) {
  const { chain, purpose, user, groups, tool, action, sensitivity, arguments: args, gateway, environment } = record
  return { chain, purpose, user, groups, tool, action, sensitivity, arguments: args, gateway, environment }
}

function notThere(what: string): ApiError<"not_found"> {
  return { error: "not_found", description: `There is no such ${what}.`, denial: { reason: "not_found", what } }
}
