/**
 * An AuthZEN request as Cedar sees it. What the client asserts of a subject or a resource counts only if no such
 * attribute is stored: a stored attribute wins over an asserted one. An assertion makes nothing a member of a group,
 * except a user. Users are not stored; the request names their groups as their token would. Values are plain JSON, so
 * that none can pose as an entity or as an extension value.
 */
import type { Bundle } from "../../core/policy/assemble.ts"
import { overlay, type Entity, type EntityStore } from "../../core/policy/cedar/entities.ts"
import { userEntity, userOfId } from "../../core/policy/principals.ts"
import {
  decimalsIn,
  decimalsOfMember,
  decimalsWithin,
  type DecimalMembers,
  type Decimals,
} from "../../core/policy/cedar/values/json-number.ts"
import {
  CedarSet,
  fromJson,
  type CedarRecord,
  type EntityRef,
  type Value,
} from "../../core/policy/cedar/values/value.ts"
import type { Work } from "../../core/encoding/work.ts"
import { malformedEvaluation, type EvaluationAnswer } from "./answer.ts"

/** As many as a session may have (credentials/person.ts): each costs a look-up in every evaluation. */
const MAX_GROUPS = 256

type Properties = Readonly<Record<string, unknown>>

/** What is asserted, for each part of a request. */
interface ClaimedSituation<Of> {
  readonly subject: Of
  readonly action: Of
  readonly resource: Of
  readonly context: Of
}
export type Asserted = ClaimedSituation<CedarRecord>

interface Types {
  readonly principal: string
  readonly action: EntityRef
  readonly resource: string
}

/**
 * Returns the situation, or why the request cannot be decided. A value that is no Cedar value (null, a fraction that
 * the schema does not declare as a decimal) cannot be left out, because a policy may forbid by it.
 */
export function readSituation(
  { subject, action, resource, context }: ClaimedSituation<Properties>,
  types: Types,
  { decimals }: Bundle,
): Asserted | EvaluationAnswer {
  const ofContext = decimalsIn(decimals.contexts, types.action.key)
  const { groups } = subject
  if (Array.isArray(groups) && groups.length > MAX_GROUPS) {
    return malformedEvaluation(`\`subject.groups\` has more than ${MAX_GROUPS} groups, which no session has.`)
  }
  const faults: string[] = []
  const read = (
    part: keyof ClaimedSituation<unknown>,
    properties: Properties,
    declared: DecimalMembers,
  ): CedarRecord => {
    const values = new Map<string, Value>()
    for (const [name, json] of Object.entries(properties)) {
      const value = valueOf(json, decimalsOfMember(declared, name))
      if (value === undefined) faults.push(`${part}.${name.slice(0, 64)}`)
      else values.set(name, value)
    }
    return values
  }
  const asserted = {
    subject: read("subject", subject, decimalsIn(decimals.attributes, types.principal)),
    action: read("action", action, decimalsWithin(ofContext, "action")),
    resource: read("resource", resource, decimalsIn(decimals.attributes, types.resource)),
    context: read("context", context, ofContext),
  }
  const [fault] = faults
  if (fault === undefined) return asserted
  return malformedEvaluation(
    `\`${fault}\` has null, a fraction that the schema declares as no decimal, what is none where it declares one, or nests too deep.`,
  )
}

/** Evaluations that share a value share its reading too: it is parsed JSON, which nothing modifies. */
function valueOf(json: unknown, decimals: Decimals | undefined): Value | undefined {
  if (typeof json !== "object" || json === null) return fromJson(json, decimals)
  const cached = readings.get(json)
  if (cached && cached.decimals === decimals) return cached.value
  const value = fromJson(json, decimals)
  readings.set(json, { decimals, value })
  return value
}
const readings = new WeakMap<object, { readonly decimals: Decimals | undefined; readonly value: Value | undefined }>()

export interface Parties {
  readonly principal: EntityRef
  readonly action: EntityRef
  readonly resource: EntityRef
}

/**
 * `context.action` holds the asserted properties of the action, whatever the context says. Throws OutOfWork.
 * @param work of all evaluations of one request
 */
export function isPermitted({ engine, entities }: Bundle, parties: Parties, situation: Asserted, work: Work): boolean {
  // No policy can name an action that the schema does not declare.
  if (!entities.get(parties.action.key)) return false
  const asserted = asserting(
    parties.resource,
    situation.resource,
    asserting(parties.principal, situation.subject, entities),
  )
  const context = new Map<string, Value>([...situation.context, ["action", situation.action]])
  return engine.authorize({ ...parties, context, work }, asserted).allowed
}

function asserting(ref: EntityRef, asserted: CedarRecord, base: EntityStore): EntityStore {
  const stored = base.get(ref.key)
  if (stored && asserted.size === 0) return base
  const { tags, ancestors, attrs } = stored ?? madeUser(ref, asserted, base) ?? NOTHING
  return overlay(base, [{ ref, attrs: new Map([...asserted, ...attrs]), tags, ancestors }])
}

/** Makes the user as a token would (principals.ts), once for all that a request asks about one user. */
function madeUser({ type, id, key }: EntityRef, asserted: CedarRecord, base: EntityStore): Entity | undefined {
  const user = type === "User" ? userOfId(id) : null
  if (!user) return undefined
  const assertedGroups = asserted.get("groups")
  if (!(assertedGroups instanceof CedarSet)) return userEntity({ ...user, groups: [] }, base)
  const made = madeUsers.get(assertedGroups)
  if (made?.key === key && made.base === base) return made.entity
  const groups = [...assertedGroups.members.values()].filter((group) => typeof group === "string")
  const entity = userEntity({ ...user, groups }, base)
  madeUsers.set(assertedGroups, { key, base, entity })
  return entity
}
const madeUsers = new WeakMap<CedarSet, { key: string; base: EntityStore; entity: Entity }>()

const NOTHING = { attrs: new Map<string, Value>(), tags: new Map<string, Value>(), ancestors: new Set<string>() }
