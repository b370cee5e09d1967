/**
 * Opening a task, renewing its token, or opening a child: one pure step of the tree's ledger, like `decide`. The state
 * it reads is the state it changes, so a child is never opened under a parent that is ending.
 */
import type { AgentDefinition, PurposeDefinition } from "../policy/bundle.ts"
import type { Bundle } from "../policy/assemble.ts"
import { actionRef, delegateContext, entitiesFor, principalsOf, toolRef } from "../policy/facts.ts"
import { lineOf, type IssuedToken, type Task, type TreeState, type UserFacts } from "../ledger/state.ts"
import { narrow, type Asked } from "./grant.ts"
import { printable } from "../printable.ts"
import { isRefused, refuse, type Refused } from "./refusal.ts"

/** No token lives longer, whatever the registry says (DESIGN §4). */
const MAX_TOKEN_LIFE_MS = 900_000

export interface OpenRequest {
  /** The agent that proved its identity. */
  readonly agent: string
  /** Present for a root task only; a child has its tree's. */
  readonly user: UserFacts | null
  /** Milliseconds; the user's session ends then. */
  readonly sessionExpiresAt: number | null
  /** A delegation token of this tree as subject. */
  readonly parent: { readonly task: string; readonly token: string } | null
  readonly purpose: string | null
  readonly asked: Asked
  /** Thumbprint of the key that the agent proved. */
  readonly jkt: string | null
  /** `jti` of the token to be issued. */
  readonly token: string
}

export interface Opening {
  /** Null: renewal of a token, no new task. */
  readonly task: Task | null
  readonly token: { readonly jti: string } & IssuedToken
}

export interface Opened {
  readonly opening: Opening
  readonly task: Task
  /** The token's chain, root first. */
  readonly chain: readonly string[]
}

export function openTask(bundle: Bundle, state: TreeState, request: OpenRequest, now: number): Opened | Refused {
  const agent = bundle.agents.get(request.agent)
  if (!agent) return refuse({ reason: "agent_unregistered", agent: request.agent })
  if (agent.bound_key && request.jkt === null) return refuse({ reason: "key_required" })
  if (!request.parent) return openRoot(bundle, state, request, agent, now)

  const line = lineOf(state, request.parent.task)
  const [parent] = line
  const token = state.tokens.get(request.parent.token)
  const alive = line.every((task) => task.status === "active" && now < task.expiresAt)
  if (!parent || !token || token.task !== parent.id || now >= token.expiresAt || !alive) {
    return refuse({ reason: "parent_ended" })
  }
  return parent.agent === agent.id
    ? renew(parent, line, token, request, agent, now)
    : openChild(bundle, state, parent, line, token, request, agent, now)
}

function openRoot(
  bundle: Bundle,
  state: TreeState,
  request: OpenRequest,
  agent: AgentDefinition,
  now: number,
): Opened | Refused {
  const purpose = purposeOf(bundle, agent, request.purpose)
  if (isRefused(purpose)) return purpose
  if (purpose.user === "required" && !state.user) return refuse({ reason: "user_required", purpose: purpose.name })
  const task = makeTask(bundle, state, state.root, null, request, agent, purpose, now)
  return isRefused(task) ? task : issue(task, [task], request, agent, now, true)
}

function openChild(
  bundle: Bundle,
  state: TreeState,
  parent: Task,
  line: readonly Task[],
  token: IssuedToken,
  request: OpenRequest,
  agent: AgentDefinition,
  now: number,
): Opened | Refused {
  // Whoever holds a bound token without its key could otherwise exchange it for one of its own.
  if (token.jkt !== null) return refuse({ reason: "handover_required" })
  const giver = bundle.agents.get(parent.agent)
  if (!giver?.delegates_to.includes(agent.id)) {
    return refuse({ reason: "delegation_not_allowed", from: parent.agent, to: agent.id })
  }
  for (const [index, above] of line.entries()) {
    const depth = bundle.agents.get(above.agent)?.depth ?? 0
    if (index + 1 > depth) return refuse({ reason: "too_deep", agent: above.agent, depth })
  }
  const purpose = purposeOf(bundle, agent, request.purpose)
  if (isRefused(purpose)) return purpose
  if (purpose.user === "required" && !state.user) return refuse({ reason: "user_required", purpose: purpose.name })
  const id = `${parent.id}.${parent.children + 1}`
  const task = makeTask(bundle, state, id, parent, request, agent, purpose, now)
  return isRefused(task) ? task : issue(task, [task, ...line], request, agent, now, true)
}

function renew(
  task: Task,
  line: readonly Task[],
  token: IssuedToken,
  request: OpenRequest,
  agent: AgentDefinition,
  now: number,
): Opened | Refused {
  // An unbound token may be traded for a bound one, never the other way round nor for another key's.
  if (token.jkt !== null && token.jkt !== request.jkt) return refuse({ reason: "key_differs" })
  // A renewal takes the task as it is; asking for less and getting all would be a surprise, so it is refused.
  const { scopes, maxSensitivity, bounds, calls } = request.asked
  const asksForLess = scopes ?? maxSensitivity ?? calls ?? (Object.keys(bounds).length > 0 ? bounds : null)
  const otherPurpose = request.purpose !== null && request.purpose !== task.purpose
  if (asksForLess !== null || otherPurpose) return refuse({ reason: "renewal_differs" })
  return issue(task, line, request, agent, now, false)
}

function purposeOf(bundle: Bundle, agent: AgentDefinition, asked: string | null): PurposeDefinition | Refused {
  const name = asked ?? agent.purposes[0] ?? ""
  const purpose = agent.purposes.includes(name) ? bundle.purposes.get(name) : undefined
  return purpose ?? refuse({ reason: "purpose_not_allowed", purpose: printable(name) })
}

function makeTask(
  bundle: Bundle,
  state: TreeState,
  id: string,
  parent: Task | null,
  request: OpenRequest,
  agent: AgentDefinition,
  purpose: PurposeDefinition,
  now: number,
): Task | Refused {
  const entities = entitiesFor(bundle.entities, state.user)
  const [delegator] = principalsOf(state.user, [agent.id])
  const action = actionRef("delegate")
  const context = delegateContext(purpose.name, agent.id)
  const narrowed = narrow(
    bundle.catalog.tools.values(),
    request.asked,
    purpose,
    agent.ceiling,
    parent?.grant ?? null,
    (tool) =>
      delegator !== undefined &&
      bundle.engine.authorize({ principal: delegator, action, resource: toolRef(tool.name), context }, entities)
        .allowed,
  )
  if (!("grant" in narrowed)) return refuse({ reason: "nothing_left", ...narrowed })
  return {
    id,
    parent: parent?.id ?? null,
    agent: agent.id,
    purpose: purpose.name,
    grant: narrowed.grant,
    scope: narrowed.scope,
    openedAt: now,
    expiresAt: earliest(now + purpose.life * 1000, parent?.expiresAt, request.sessionExpiresAt),
    status: "active",
    calls: 0,
    children: 0,
  }
}

function issue(
  task: Task,
  line: readonly Task[],
  request: OpenRequest,
  agent: AgentDefinition,
  now: number,
  isNew: boolean,
): Opened {
  const expiresAt = earliest(now + Math.min(agent.life * 1000, MAX_TOKEN_LIFE_MS), task.expiresAt)
  const token = { jti: request.token, task: task.id, expiresAt, jkt: request.jkt }
  return { opening: { task: isNew ? task : null, token }, task, chain: line.map((each) => each.agent).toReversed() }
}

function earliest(...times: readonly (number | null | undefined)[]): number {
  return Math.min(...times.filter((time) => time !== null && time !== undefined))
}
