/**
 * The facts that rules see: principals and Cedar context of one call. Rules and guardrails read the same state in the
 * same step, so that they can never disagree about it.
 */
import {
  argumentsNeeded,
  memberVariants,
  variantOf,
  type CallArguments,
  type MeteredArguments,
} from "../catalog/arguments.ts"
import { deny, type Denied } from "../denials/denial.ts"
import { memberOf, overlay, type Entity, type EntityStore } from "./cedar/entities.ts"
import { decimalsOfMember, type DecimalMembers } from "./cedar/values/json-number.ts"
import {
  entity,
  readJson,
  record,
  set,
  type CedarRecord,
  type EntityRef,
  type Value,
  NONE,
} from "./cedar/values/value.ts"

/** A user is always issuer and subject: two providers' `42` are two people. */
export function userId(user: Pick<UserFacts, "issuer" | "subject">): string {
  return `${user.issuer}|${user.subject}`
}

/** A reference is made once for as long as it is kept: a look-up by its key then need not hash it again. */
function keptRefs(type: string): (id: string) => EntityRef {
  const refs = new Map<string, EntityRef>()
  return (id) => {
    let ref = refs.get(id)
    if (ref) return ref
    if (refs.size >= MOST_REFS) refs.clear()
    refs.set(id, (ref = entity(type, id)))
    return ref
  }
}
const MOST_REFS = 1_024

export const agentRef = keptRefs("Agent")
export const toolRef = keptRefs("Tool")
export const actionRef = keptRefs("Action")

export function userRef(user: Pick<UserFacts, "issuer" | "subject">): EntityRef {
  let ref = userRefs.get(user)
  if (!ref) userRefs.set(user, (ref = entity("User", userId(user))))
  return ref
}
/** A tree's user stays the same value, and what is known of a person here goes with it. */
const userRefs = new WeakMap<Pick<UserFacts, "issuer" | "subject">, EntityRef>()

type Named = Pick<UserFacts, "issuer" | "subject" | "groups">

export function userEntity({ issuer, subject, groups }: Named, base: EntityStore): Entity {
  const parents = groups.map((group) => entity("UserGroup", group))
  return memberOf(parents, userRef({ issuer, subject }), record({ issuer, subject }), base)
}

/** The user whose entity has this id. Null if it is no user's. */
export function userOfId(id: string): Pick<UserFacts, "issuer" | "subject"> | null {
  const [, issuer, subject] = /^([^|]+)\|(.+)$/s.exec(id) ?? []
  return issuer === undefined || subject === undefined ? null : { issuer, subject }
}

/** All principals whose permission a call needs: the user, then each agent of the chain, the calling one last. */
export function principalsOf(user: UserFacts | null, agents: readonly string[]): readonly EntityRef[] {
  const refs = [...new Set(agents)].map(agentRef)
  return user ? [userRef(user), ...refs] : refs
}

export function entitiesFor(base: EntityStore, user: UserFacts | null): EntityStore {
  if (!user) return base
  const cached = storesOfUser.get(user)
  if (cached?.base === base) return cached.store
  const store = overlay(base, [userEntity(user, base)])
  storesOfUser.set(user, { base, store })
  return store
}
/**
 * A tree's user stays the same value until a fresher session comes: their entity is made once for each bundle, not for
 * each call.
 */
const storesOfUser = new WeakMap<UserFacts, { readonly base: EntityStore; readonly store: EntityStore }>()
/** A call that needs credit of a shared limit is decided once more when the credit was lent. */
export const factsOfArguments = new WeakMap<
  CallArguments,
  {
    readonly reads: ReadonlySet<string>
    readonly members: ReadonlySet<string>
    readonly decimals: DecimalMembers
    readonly facts: CedarRecord | Denied
  }
>()

export function readArguments(
  metered: MeteredArguments,
  reads: ReadonlySet<string>,
  members: ReadonlySet<string>,
  decimals: DecimalMembers,
): CedarRecord | Denied {
  if (reads.size === 0) return NONE
  const args = metered.draw(reads.size * UNITS_OF_NAME)
  if (!args.complete) return deny(argumentsNeeded([...reads], args))
  const variant = variantOf(args, reads)
  if (variant !== null) return deny({ reason: "argument_variant", argument: variant })
  const facts = new Map<string, Value>()
  const names = reads.has("*") ? Object.keys(args.values) : reads
  let inner: string | null = null
  const variantOfMember = memberVariants(members, metered.work)
  const denyVariant = (object: object): undefined | null => {
    inner = variantOfMember(object)
    return inner === null ? null : undefined
  }
  const escape = members.size === 0 ? () => null : denyVariant
  for (const name of names) {
    if (!Object.hasOwn(args.values, name)) continue
    const value = readJson(args.values[name], escape, decimalsOfMember(decimals, name))
    if (inner !== null) return deny({ reason: "argument_variant", argument: inner })
    if (value === undefined) return deny({ reason: "arguments_unrepresentable", argument: name })
    facts.set(name, value)
  }
  return facts
}

/** Units of the name of an argument; what values of a size cost is the same for each call (core/encoding/work.ts). */
const UNITS_OF_NAME = 10

/** Context of the action delegate: evaluated when a task is opened, for each tool that it requests. */
export function delegateContext(purpose: string, agent: string, approvals: readonly string[]): CedarRecord {
  return record([
    ["purpose", purpose],
    ["agent", agentRef(agent)],
    ["approvals", set(approvals)],
  ])
}

/** The user for whom the tree acts, as their session token describes them. */
export interface UserFacts {
  readonly issuer: string
  readonly subject: string
  readonly groups: readonly string[]
  readonly acr?: string
  /** Seconds since the epoch. */
  readonly auth_time?: number
  /** Milliseconds since the epoch, when the session ends that showed how they logged in. */
  readonly until?: number
}
