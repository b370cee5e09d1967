/**
 * The live facts that rules see (DESIGN §7): principals and Cedar context of one call. Rules and guardrails read the
 * same state in the same step, so that they can never disagree about it.
 */
import { argumentsNeeded, memberVariant, variantOf, type CallArguments } from "../catalog/arguments.ts"
import { deny, type Denied } from "../denials/denial.ts"
import type { Task, UserFacts } from "../task/state.ts"
import type { Role } from "./definition/operators.ts"
import { memberOf, overlay, type Entity, type EntityStore } from "./cedar/entities.ts"
import type { PolicyRequest } from "./cedar/evaluate.ts"
import {
  entity,
  fromJson,
  readJson,
  record,
  set,
  type CedarRecord,
  type EntityRef,
  type Value,
} from "./cedar/values/value.ts"

/** A user is always issuer and subject: two providers' `42` are two people. */
export function userId(user: Pick<UserFacts, "issuer" | "subject">): string {
  return `${user.issuer}|${user.subject}`
}

const agentRef = (id: string): EntityRef => entity("Agent", id)
export const toolRef = (name: string): EntityRef => entity("Tool", name)
export const actionRef = (action: string): EntityRef => entity("Action", action)
const userRef = (user: Pick<UserFacts, "issuer" | "subject">): EntityRef => entity("User", userId(user))

type Named = Pick<UserFacts, "issuer" | "subject" | "groups">

export function userEntity({ issuer, subject, groups }: Named, base: EntityStore): Entity {
  const parents = groups.map((group) => entity("UserGroup", group))
  return memberOf(parents, userRef({ issuer, subject }), record({ issuer, subject }), base)
}

/** Who is meant by the id of a user's entity; null for what is none. */
export function userOfId(id: string): Pick<UserFacts, "issuer" | "subject"> | null {
  const [, issuer, subject] = /^([^|]+)\|(.+)$/s.exec(id) ?? []
  return issuer === undefined || subject === undefined ? null : { issuer, subject }
}

/** Who manages, as rules see them: an operator, in a group for each role that operators.yaml gives them. */
export interface OperatorFacts {
  readonly issuer: string
  readonly subject: string
  readonly roles: readonly Role[]
}

/** What a request to manage is about: the resource of the action manage, and its context. */
export interface ManagedThing {
  readonly area: Area
  readonly kind: ManagedKind
  /** Which one; null where it is about all, or where its name is a secret (a token). */
  readonly target: string | null
}

export const AREAS = [
  "tasks",
  "revocations",
  "risks",
  "decisions",
  "bundles",
  "approvals",
  "deliveries",
  "agents",
  "explanations",
] as const
type Area = (typeof AREAS)[number]
export const MANAGED_KINDS = [
  "task",
  "token",
  "agent",
  "user",
  "tool",
  "key",
  "everything",
  "revocation",
  "risk",
  "decision",
  "bundle",
  "approval",
  "delivery",
  "explanation",
] as const
type ManagedKind = (typeof MANAGED_KINDS)[number]

/** The question whether policy permits an operator to manage; `entities` has the operator in it. */
export function manageQuestion(
  operator: OperatorFacts,
  method: string,
  { area, kind, target }: ManagedThing,
  base: EntityStore,
): { readonly request: PolicyRequest; readonly entities: EntityStore } {
  const { issuer, subject, roles } = operator
  const principal = entity("Operator", userId(operator))
  const groups = roles.map((role) => entity("OperatorGroup", role))
  const context = record({ method, kind, ...(target === null ? {} : { target }) })
  return {
    request: { principal, action: actionRef("manage"), resource: areaRef(area), context },
    entities: overlay(base, [memberOf(groups, principal, record({ issuer, subject }), base)]),
  }
}

export const areaRef = (area: Area): EntityRef => entity("Area", area)

/** Everyone whose permission a call needs: the user, then each agent of the chain, the calling one last. */
export function principalsOf(user: UserFacts | null, agents: readonly string[]): readonly EntityRef[] {
  const refs = [...new Set(agents)].map(agentRef)
  return user ? [userRef(user), ...refs] : refs
}

export function entitiesFor(base: EntityStore, user: UserFacts | null): EntityStore {
  if (!user) return base
  const known = storesOfUser.get(user)
  if (known?.base === base) return known.store
  const store = overlay(base, [userEntity(user, base)])
  storesOfUser.set(user, { base, store })
  return store
}
/**
 * Until a fresher session comes a tree's user stays the same value: their entity is made once for each bundle, not for
 * each call.
 */
const storesOfUser = new WeakMap<UserFacts, { readonly base: EntityStore; readonly store: EntityStore }>()

/**
 * The arguments that the rules for a tool read, as Cedar values. Those must be there in full: a rule that cannot see an
 * argument, or sees it rounded, would judge another call than the upstream gets.
 * @param reads argument names; `*` stands for all
 * @param members names that are read within them
 */
export function argumentFacts(
  args: CallArguments,
  reads: ReadonlySet<string>,
  members: ReadonlySet<string>,
): CedarRecord | Denied {
  const known = factsOfArguments.get(args)
  if (known?.reads === reads && known.members === members) return known.facts
  const facts = readArguments(args, reads, members)
  factsOfArguments.set(args, { reads, members, facts })
  return facts
}
/** A call that needs credit of a shared limit is judged once more when it was lent. */
const factsOfArguments = new WeakMap<
  CallArguments,
  {
    readonly reads: ReadonlySet<string>
    readonly members: ReadonlySet<string>
    readonly facts: CedarRecord | Denied
  }
>()

function readArguments(
  args: CallArguments,
  reads: ReadonlySet<string>,
  members: ReadonlySet<string>,
): CedarRecord | Denied {
  if (reads.size === 0) return NONE
  if (!args.complete) return deny(argumentsNeeded([...reads], args))
  const variant = variantOf(args, reads)
  if (variant !== null) return deny({ reason: "argument_variant", argument: variant })
  const facts = new Map<string, Value>()
  const names = reads.has("*") ? Object.keys(args.values) : reads
  let inner: string | null = null
  const refuseVariant = (object: object): undefined | null => {
    inner = memberVariant(object, members)
    return inner === null ? null : undefined
  }
  for (const name of names) {
    if (!Object.hasOwn(args.values, name)) continue
    const value = members.size === 0 ? fromJson(args.values[name]) : readJson(args.values[name], refuseVariant)
    if (inner !== null) return deny({ reason: "argument_variant", argument: inner })
    if (value === undefined) return deny({ reason: "arguments_unrepresentable", argument: name })
    facts.set(name, value)
  }
  return facts
}
const NONE: CedarRecord = new Map()

const NO_APPROVALS = set([])

type SessionFacts = Pick<UserFacts, "acr" | "auth_time" | "until">

export interface Situation {
  /** The calling task and all above it, itself first. */
  readonly line: readonly [Task, ...Task[]]
  readonly user: UserFacts | null
  /** The session to judge by; absent: the user's own. */
  readonly session?: SessionFacts
  readonly labels: ReadonlySet<string>
  /** Whether the token is bound to a key that the call proves. */
  readonly boundKey: boolean
  /** From 0 to 100. */
  readonly risk: number
  readonly arguments: CedarRecord
  readonly environment: string
  readonly gateway: string
  /** Names by which people have approved of the call, as far as it is to be judged by them; absent: none. */
  readonly approvals?: readonly string[]
  /** Milliseconds. */
  readonly now: number
}

/** Context of the actions read, write and execute; `schema.cedarschema` declares it. */
export function callContext(situation: Situation): CedarRecord {
  const { line, user, labels, now } = situation
  const [task] = line
  // What a task below counts is counted by all above it, so the root has counted the whole tree.
  const root = line.at(-1) ?? task
  const context = new Map<string, Value>([
    [
      "task",
      record([
        ["id", task.id],
        ["purpose", task.purpose],
        ["age", BigInt(Math.floor((now - task.openedAt) / 1000))],
        ["calls", BigInt(task.calls)],
        ["tree_calls", BigInt(root.calls)],
        ["depth", BigInt(line.length - 1)],
        ["labels", set(labels)],
      ]),
    ],
    ["agent", agentRef(task.agent)],
    ["chain", set(line.map((each) => agentRef(each.agent)))],
    ["bound_key", situation.boundKey],
    ["risk", BigInt(situation.risk)],
    ["arguments", situation.arguments],
    ["approvals", situation.approvals ? set(situation.approvals) : NO_APPROVALS],
    [
      "env",
      record([
        ["environment", situation.environment],
        ["gateway", situation.gateway],
      ]),
    ],
  ])
  if (user) {
    context.set("user", userRef(user))
    context.set("session", sessionFacts(situation.session ?? user, now))
  }
  return context
}

/** How the user logged in, as far as their provider tells: a rule has to ask whether it is there (`has`). */
function sessionFacts({ acr, auth_time, until }: SessionFacts, now: number): CedarRecord {
  const facts = new Map<string, Value>()
  // What a login proved holds no longer than its session, even where the task goes on from an earlier one.
  if (until !== undefined && now >= until) return facts
  if (acr !== undefined) facts.set("acr", acr)
  if (auth_time !== undefined) facts.set("auth_age", BigInt(Math.max(0, Math.floor(now / 1000 - auth_time))))
  return facts
}

/** Context of the action delegate: asked when a task is opened, about a tool that it wants. */
export function delegateContext(purpose: string, agent: string, approvals: readonly string[]): CedarRecord {
  return record([
    ["purpose", purpose],
    ["agent", agentRef(agent)],
    ["approvals", set(approvals)],
  ])
}
