/**
 * Opens a task, renews its token, or opens a child: one pure step of the tree's ledger, like `decide`. The state it
 * reads is the state it changes, so a child is never opened under a parent that is ending.
 */
import { byteLength } from "../encoding/bytes.ts"
import { Work } from "../encoding/work.ts"
import type { Bundle } from "../policy/assemble.ts"
import { actionRef, delegateContext, entitiesFor, principalsOf, toolRef } from "../policy/principals.ts"
import { newProgress } from "../guardrails/plan.ts"
import { ancestryOf, type TreeState } from "./state.ts"
import { asciiText } from "../encoding/display-text.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import { isContinuable } from "./continuation.ts"
import { extendableTo } from "./extension.ts"
import { narrow, type Caps } from "./narrow.ts"
import { isOpenedOffline } from "./offline.ts"
import type { OpenRequest } from "./open-request.ts"
import { bytesOf } from "./openings.ts"
import { quarantinedTask } from "./quarantine.ts"
import {
  type Opened,
  type Step,
  type Parent,
  bytesFullness,
  fullness,
  taskFullness,
  ended,
  issue,
  earliest,
  firstBound,
} from "./opening-step.ts"
import { redactedOf } from "./redacted-arguments.ts"
import { renew, freshen } from "./renew.ts"
import type { Task, TaskLimit } from "./task.ts"
import { taskText, type TaskBody } from "./task-text.ts"
import { narrowedGrant } from "./token-scope.ts"
import { historyKeyOf } from "../guardrails/history-key.ts"

export function openTask(bundle: Bundle, state: TreeState, request: OpenRequest, now: number): Opened | OAuthFailure {
  const agent = bundle.agents.get(request.agent)
  if (!agent) return oauthError({ reason: "agent_unregistered", agent: request.agent })
  if (agent.bound_key && request.jkt === null) return oauthError({ reason: "key_required" })
  // By this clock: an ended session neither opens nor freshens anything.
  const { sessionExpiresAt } = request
  if (sessionExpiresAt !== null && now >= sessionExpiresAt) {
    const because = { reason: "expired", exp: Math.floor(sessionExpiresAt / 1000) } as const
    return oauthError({ reason: "subject_rejected", because })
  }
  const full = fullness(state, historyKeyOf(agent.id), now)
  if (full) return full
  const step = { bundle, state, request, agent, now }
  if (request.task !== null) return freshen(step, request.task)
  if (!request.parent) return openNew(step, state.root, null)
  const parent = liveParent(step, request.parent)
  if (isOAuthFailure(parent)) return parent
  return parent.task.agent === agent.id ? renew(step, parent) : openChild(step, parent)
}

function liveParent(
  { state, now }: Step,
  named: { readonly task: string; readonly token: string },
): Parent | OAuthFailure {
  const ancestry = ancestryOf(state, named.task)
  const [task] = ancestry
  const token = state.tokens.get(named.token)
  if (!task || !token || token.task !== task.id || now >= token.expiresAt) {
    return oauthError({ reason: "parent_token_unknown" })
  }
  return ended(ancestry, now) ?? { task, ancestry, token }
}

function openChild(step: Step, parent: Parent): Opened | OAuthFailure {
  const { bundle, agent } = step
  const { task, ancestry, token } = parent
  // Otherwise the holder of a stolen bound token, without its key, could exchange it for one of its own.
  const handedOverBy = step.request.parent?.handedOverBy ?? null
  if (token.jkt !== null && handedOverBy === null) return oauthError({ reason: "handover_required" })
  if (token.jkt !== null && handedOverBy !== token.jkt)
    return oauthError({ reason: "handover_rejected", what: "another key" })
  if (!bundle.agents.get(task.agent)?.delegates_to.includes(agent.id)) {
    return oauthError({ reason: "delegation_not_allowed", from: task.agent, to: agent.id })
  }
  for (const [index, above] of ancestry.entries()) {
    const depth = bundle.agents.get(above.agent)?.depth ?? 0
    if (index + 1 > depth) return oauthError({ reason: "too_deep", agent: above.agent, depth })
  }
  return openNew(step, `${task.id}.${task.children + 1}`, parent)
}

/** Opens a root task, or one below `parent`. */
function openNew(step: Step, id: string, parent: Parent | null): Opened | OAuthFailure {
  const { bundle, state, request, agent, now } = step
  const historyKey = historyKeyOf(agent.id)
  const full = taskFullness(state, historyKey, now)
  if (full) return full
  const name = request.purpose ?? agent.purposes[0] ?? ""
  const purpose = agent.purposes.includes(name) ? bundle.purposes.get(name) : undefined
  if (!purpose) return oauthError({ reason: "purpose_not_allowed", purpose: asciiText(name) })
  if (purpose.user === "required" && !state.user) return oauthError({ reason: "user_required", purpose: name })
  const quarantined = quarantinedTask(state.ledger, historyKey, name, now)
  if (quarantined) return oauthError({ reason: "purpose_quarantined", task: quarantined.id, purpose: name })
  // An instance of the agent is known by its key alone.
  if (purpose.isolated && request.jkt === null) return oauthError({ reason: "key_required" })
  const narrowedBy = (policy: Caps["policy"]): ReturnType<typeof narrow> =>
    narrow(bundle.catalog.tools.values(), request.asked, {
      purpose,
      agent,
      parent: parent ? parentGrant(parent, bundle) : consentedCaps(request),
      assertion: request.caps,
      consent: request.kept,
      policy,
    })
  const narrowed = narrowedBy(mayDelegate(step, name, request.approvals))
  if ("ambiguous" in narrowed) return oauthError({ reason: "details_ambiguous", tool: narrowed.ambiguous })
  if (!("grant" in narrowed)) {
    // Policy may allow, with a person's consent, what this agent cannot have alone.
    const consented = state.user && narrowedBy(mayDelegate(step, name, [...request.approvals, "user"]))
    if (consented && "grant" in consented) return oauthError({ reason: "consent_required", scope: consented.scope })
    return oauthError({ reason: "nothing_left", ...narrowed })
  }
  const plan = request.shown?.task.plan ?? purpose.plan ?? null
  const consentedLife = earliest(request.shown?.life, request.kept?.life)
  const latest = firstBound<TaskLimit>(
    ["purpose_life", now + purpose.life * 1000],
    ["consent", consentedLife === null ? null : now + consentedLife],
    ["parent", parent?.task.expiresAt],
  )
  const isOffline = isOpenedOffline(step, purpose, parent?.ancestry ?? null)
  // A child has no session of its own. Its parent's end is that of the session, unless the parent goes on after it.
  const sessionEnd = parent?.task.isOffline ? state.user?.until : request.sessionExpiresAt
  const end = firstBound<TaskLimit>([latest.by, latest.at], ["session", isOffline ? null : sessionEnd])
  const extendable = isOffline ? null : extendableTo(latest, request, purpose)
  const body: Omit<TaskBody, "bytes"> = {
    id,
    parent: parent?.task.id ?? null,
    agent: agent.id,
    audiences: request.shown?.task.audiences ?? [request.audience],
    purpose: name,
    isolated: purpose.isolated ?? false,
    grant: narrowed.grant,
    scope: narrowed.scope,
    details: narrowed.details,
    plan,
    idle: earliest(purpose.idle && purpose.idle * 1000, request.shown?.task.idle),
    openedAt: now,
    expiresAt: end.at,
    limitedBy: end.by,
    ...(extendable && { extendable }),
    ...(isOffline && { isOffline }),
    ...(isContinuable(request, purpose) && { isContinuable: true }),
  }
  const bytes = byteLength(taskText({ ...body, bytes: MAX_TASK_BYTES }))
  if (bytes > MAX_TASK_BYTES) return oauthError({ reason: "details_malformed", what: TOO_LONG })
  const heavy = bytesFullness(bytesOf(state), historyKey, bytes, now)
  if (heavy) return heavy
  const task: Task = {
    ...body,
    historyKey,
    bytes,
    jkt: request.jkt,
    status: "active",
    endedBy: null,
    calls: 0,
    children: 0,
    lastCall: now,
    progress: plan ? newProgress(plan) : [],
  }
  return issue(step, task, [task, ...(parent?.ancestry ?? [])])
}

/**
 * All of a catalog of 5,000 tools with long names fits. Bounds are stored once, however many tools they apply to, but
 * each task below repeats those of the tasks above it.
 */
const MAX_TASK_BYTES = 393_216
const TOO_LONG = "with its tools and their bounds the grant is too long"

/** Whether policy lets the user, or the agent if there is none, put a tool into a token at all. */
function mayDelegate(
  { bundle, state, request, agent }: Step,
  purpose: string,
  approvals: readonly string[],
): Caps["policy"] {
  const entities = entitiesFor(bundle.entities, state.user)
  const [principal] = principalsOf(state.user, [agent.id])
  const action = actionRef("delegate")
  const context = delegateContext(purpose, agent.id, approvals)
  return {
    principal: principal?.id ?? "",
    permits: (tool) =>
      request.isPreview === true ||
      (principal !== undefined &&
        bundle.engine.authorize(
          { principal, action, resource: toolRef(tool.name), context, work: new Work() },
          entities,
        ).allowed),
  }
}

function parentGrant({ task, ancestry, token }: Parent, { catalog }: Bundle): Caps["parent"] {
  const { agent, details } = task
  const grant = narrowedGrant(task.grant, token.scope, catalog.tools)
  return { agent, grant, inDetails: details !== null, redact: redactedOf(ancestry, catalog.tools) }
}

/** The agent's own request, whose bounds it has set itself. */
function consentedCaps({ shown, agent }: OpenRequest): Caps["parent"] {
  return shown ? { agent, grant: shown.task.grant, inDetails: false, redact: [] } : null
}
