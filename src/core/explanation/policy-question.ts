/** The policy question of a call: the same for every principal, but for the principal itself. */
import { factsAt } from "../record/record-facts.ts"
import type { Tool } from "../catalog/tool.ts"
import { Work } from "../encoding/work.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { PolicyRequest } from "../policy/cedar/engine.ts"
import type { EntityStore } from "../policy/cedar/entities.ts"
import { actionRef, entitiesFor, principalsOf, toolRef, type UserFacts } from "../policy/principals.ts"
import type { CedarRecord } from "../policy/cedar/values/value.ts"

export interface PolicyQuestion {
  readonly bundle: Bundle
  readonly user: UserFacts | null
  /** The root's first. */
  readonly agents: readonly string[]
  readonly tool: Tool
  readonly context: CedarRecord
}

export interface PolicyRequests {
  readonly requests: readonly PolicyRequest[]
  readonly entities: EntityStore
}

/** One request for each principal whose permission the call needs. */
export function policyRequestsOf({ bundle, user, agents, tool, context }: PolicyQuestion): PolicyRequests {
  const [action, resource] = [actionRef(tool.action), toolRef(tool.name)]
  const requests = principalsOf(user, agents).map((principal) => ({
    principal,
    action,
    resource,
    context,
    // An explanation asks the same many times over.
    work: new Work(Infinity),
  }))
  return { requests, entities: entitiesFor(bundle.entities, user) }
}

/** What the rules for the tool read of the context, by its name there. Null for what was absent. */
export function factsRead({ bundle, user, tool, context }: PolicyQuestion): Readonly<Record<string, unknown>> {
  const about = [actionRef(tool.action), toolRef(tool.name), entitiesFor(bundle.entities, user)] as const
  const args = [...bundle.engine.readsFor(...about)].map((name) => (name === "*" ? "arguments" : `arguments.${name}`))
  return factsAt(context, new Set([...args, ...bundle.engine.factsFor(...about)]))
}

/** Whether all are permitted. */
export function isPermitted(question: PolicyQuestion): boolean {
  const { requests, entities } = policyRequestsOf(question)
  return requests.every((request) => question.bundle.engine.authorize(request, entities).allowed)
}
