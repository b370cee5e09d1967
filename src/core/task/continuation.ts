/**
 * A request for what its agent has already continues that task instead of opening another: the same agent, user,
 * purpose, audience and proven key, and the very same grant. So what the task has used stays used, and a token costs no
 * new tree. A request for more or less, for another audience or with another key opens a new task. So does one without a
 * proven key, because nothing tells whether two requests come from the same instance of an agent. What a person has
 * consented to is a task of its own each time.
 */
import { canonicalText } from "../encoding/canonical-json.ts"
import { sha256Hex } from "../encoding/hash.ts"
import type { OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { PurposeDefinition } from "../policy/definition/agents.ts"
import type { UserFacts } from "../policy/principals.ts"
import { extensionOf } from "./extension.ts"
import type { OpenRequest } from "./open-request.ts"
import { fullness, issue, type Opened } from "./opening-step.ts"
import { whyEnded, type LedgerState, type TreeState } from "./state.ts"
import type { Task } from "./task.ts"

/** Milliseconds: with less time left, a new task opens. */
const LEAST_LEFT_MS = 60_000

/** The newest root task that can be continued, by the hash of all that a request has to agree on. */
export type ContinuableTasks = Map<string, string>

function keyOf({ agent, purpose, jkt, audiences, grant, scope, details, plan, idle }: Task): string {
  return sha256Hex(canonicalText({ agent, purpose, jkt, audiences, grant, scope, details, plan, idle }) ?? "")
}

export function noteContinuable({ continuable, clock }: LedgerState, task: Task): void {
  if (task.isContinuable && clock < task.expiresAt) continuable.set(keyOf(task), task.id)
}

/** The tree is forgotten. */
export function forgetContinuable({ continuable }: LedgerState, task: Task): void {
  if (!task.isContinuable) return
  const key = keyOf(task)
  if (continuable.get(key) === task.id) continuable.delete(key)
}

/** Whether the task that this request opens may be continued. An isolated task has a context of its own. */
export function isContinuable(
  { jkt, parent, task, shown, kept }: OpenRequest,
  { isolated = false }: Pick<PurposeDefinition, "isolated">,
): boolean {
  return jkt !== null && parent === null && task === null && shown === undefined && kept === undefined && !isolated
}

/**
 * @param opened what the request would open
 * @param now milliseconds
 * @returns the tree of the task that the request continues instead; null if it continues none
 */
export function continuedTree(
  { continuable, trees }: LedgerState,
  request: OpenRequest,
  { task: fresh }: Opened,
  now: number,
): TreeState | null {
  if (!fresh.isContinuable) return null
  const state = trees.get(continuable.get(keyOf(fresh)) ?? "")
  const task = state?.tasks.get(state.root)
  if (!state || !task || whyEnded(task, now) !== null || task.expiresAt - now < LEAST_LEFT_MS) return null
  if (state.since < (request.continuesFrom ?? 0)) return null
  // An older session must not profit from a newer one, nor a weaker login from a stronger one.
  return request.since >= state.since && loginOf(request.user) === loginOf(state.user) ? state : null
}

/** What is known of the user, but for how long the session lasts: that bounds each token by itself. */
function loginOf(user: UserFacts | null): string | undefined {
  return canonicalText(user && { ...user, until: null })
}

/** Issues one more token of the tree's root task, which is as long as the request's own session may last. */
export function continueTask(
  bundle: Bundle,
  state: TreeState,
  request: OpenRequest,
  { task: { agent: id } }: Opened,
  now: number,
): Opened | OAuthFailure {
  const [agent, task] = [bundle.agents.get(id), state.tasks.get(state.root)]
  if (!agent || !task) throw new Error("the task that is continued is gone")
  const step = { bundle, state, request, agent, now }
  const extension = extensionOf(step, task)
  const session = extension && request.user && { user: request.user, since: state.since }
  return fullness(state, task.historyKey, now) ?? issue(step, null, [task], { session, extension })
}
