import type { MeteredArguments } from "../catalog/arguments.ts"
import type { Denied } from "../denials/denial.ts"
import type { Bundle } from "../policy/assemble.ts"
import { decimalsIn, decimalsWithin, type DecimalMembers } from "../policy/cedar/values/json-number.ts"
import { set, type CedarRecord, type EntityRef, type Value } from "../policy/cedar/values/value.ts"
import { agentRef, userRef, factsOfArguments, readArguments, type UserFacts } from "../policy/principals.ts"
import type { Task } from "../task/task.ts"

/** The arguments of calls of an action that are declared as decimals, or that hold one. */
export function argumentDecimals({ decimals }: Pick<Bundle, "decimals">, action: EntityRef): DecimalMembers {
  return decimalsWithin(decimalsIn(decimals.contexts, action.key), "arguments")
}

/**
 * Returns the arguments that the policies for a tool read, as Cedar values. They must be complete: a policy that cannot
 * see an argument, or sees it rounded, would judge another call than the upstream gets.
 * @param reads argument names; `*` stands for all
 * @param members names that are read within them
 * @param decimals the arguments that the schema declares as decimals, or that hold one
 */
export function argumentFacts(
  metered: MeteredArguments,
  reads: ReadonlySet<string>,
  members: ReadonlySet<string>,
  decimals: DecimalMembers,
): CedarRecord | Denied {
  const args = metered.draw(0)
  const cached = factsOfArguments.get(args)
  if (cached?.reads === reads && cached.members === members && cached.decimals === decimals) return cached.facts
  const facts = readArguments(metered, reads, members, decimals)
  factsOfArguments.set(args, { reads, members, decimals, facts })
  return facts
}

const NONE_OF_THEM = set([])

type SessionFacts = Pick<UserFacts, "acr" | "auth_time" | "until">

export interface Situation {
  /** The calling task and its ancestors, itself first. */
  readonly ancestry: readonly [Task, ...Task[]]
  readonly user: UserFacts | null
  /** The session to judge by; the user's own if absent. */
  readonly session?: SessionFacts
  readonly labels: ReadonlySet<string>
  /** Whether the token is bound to a key, of which the call has a proof. */
  readonly boundKey: boolean
  /** From 0 to 100. */
  readonly risk: number
  readonly arguments: CedarRecord
  /** Null if no rule for the tool reads any. */
  readonly bounds: CedarRecord | null
  readonly environment: string
  readonly gateway: string
  /** Names of the approvals by which the call is to be judged; absent if none. */
  readonly approvals?: readonly string[]
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** The context of the actions read, write and execute; `schema.cedarschema` declares it. */
export function callContext(situation: Situation): CedarRecord {
  const { ancestry, user, labels, now } = situation
  const [task] = ancestry
  // A call of a sub-task is counted in all its ancestors, so the root has counted the whole tree.
  const root = ancestry.at(-1) ?? task
  // Set one by one: a list of entries would be several times what it fills.
  const taskFacts = new Map<string, Value>()
    .set("id", task.id)
    .set("purpose", task.purpose)
    .set("age", BigInt(Math.floor((now - task.openedAt) / 1000)))
    .set("calls", BigInt(task.calls))
    .set("tree_calls", BigInt(root.calls))
    .set("depth", BigInt(ancestry.length - 1))
    .set("labels", labels.size === 0 ? NONE_OF_THEM : set(labels))
  const place = new Map<string, Value>().set("environment", situation.environment).set("gateway", situation.gateway)
  const context = new Map<string, Value>()
    .set("task", taskFacts)
    .set("agent", agentRef(task.agent))
    .set("chain", set(ancestry.map((each) => agentRef(each.agent))))
    .set("bound_key", situation.boundKey)
    .set("risk", BigInt(situation.risk))
    .set("arguments", situation.arguments)
    .set("approvals", situation.approvals ? set(situation.approvals) : NONE_OF_THEM)
    .set("env", place)
  if (situation.bounds) context.set("bounds", situation.bounds)
  if (user) {
    context.set("user", userRef(user))
    context.set("session", sessionFacts(situation.session ?? user, now))
  }
  return context
}

/** How the user authenticated, as far as the provider reports it: a policy must test for each attribute (`has`). */
function sessionFacts({ acr, auth_time, until }: SessionFacts, now: number): CedarRecord {
  const facts = new Map<string, Value>()
  // What a login proved is valid no longer than its session, even if the task continues from an earlier one.
  if (until !== undefined && now >= until) return facts
  if (acr !== undefined) facts.set("acr", acr)
  if (auth_time !== undefined) facts.set("auth_age", BigInt(Math.max(0, Math.floor(now / 1000 - auth_time))))
  return facts
}
