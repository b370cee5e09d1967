import type { Denial } from "../denials/denial.ts"
import { Work } from "../encoding/work.ts"
import type { Bundle } from "./assemble.ts"
import { memberOf, overlay, type EntityStore } from "./cedar/entities.ts"
import type { PolicyRequest } from "./cedar/evaluate.ts"
import { entity, record, type EntityRef } from "./cedar/values/value.ts"
import type { Role } from "./definition/operators.ts"
import { userId, actionRef } from "./principals.ts"

/** An operator as rules see them: in a group for each role that operators.yaml gives them. */
export interface OperatorFacts {
  readonly issuer: string
  readonly subject: string
  readonly roles: readonly Role[]
}

/** What a management request concerns: the resource of the action manage, and its context. */
export interface ManagedThing {
  readonly area: Area
  readonly kind: ManagedKind
  /** The one it concerns. Null if it concerns all, or its name is a secret (a token). */
  readonly target: string | null
}

/** The areas, and the kind of the things of each. */
export const KIND_OF_AREA = {
  tasks: "task",
  revocations: "revocation",
  risks: "risk",
  decisions: "decision",
  bundles: "bundle",
  approvals: "approval",
  deliveries: "delivery",
  sinks: "sink",
  agents: "agent",
  explanations: "explanation",
  users: "user",
} as const

type Area = keyof typeof KIND_OF_AREA

const isArea = (name: string): name is Area => Object.hasOwn(KIND_OF_AREA, name)
export const AREAS: readonly Area[] = Object.keys(KIND_OF_AREA).filter(isArea)

export const MANAGED_KINDS = [
  "task",
  "token",
  "agent",
  "user",
  "issuer",
  "tool",
  "key",
  "everything",
  "revocation",
  "risk",
  "decision",
  "bundle",
  "approval",
  "delivery",
  "sink",
  "explanation",
] as const

export type ManagedKind = (typeof MANAGED_KINDS)[number]

/** The policy question whether an operator may manage; `entities` contains the operator. */
export function manageRequest(
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
    request: { principal, action: actionRef("manage"), resource: areaRef(area), context, work: new Work() },
    entities: overlay(base, [memberOf(groups, principal, record({ issuer, subject }), base)]),
  }
}

export const areaRef = (area: Area): EntityRef => entity("Area", area)

/** The rules by which an operator may do this, or why not. */
export function mayManage(
  { engine, entities: base }: Bundle,
  operator: OperatorFacts,
  method: string,
  thing: ManagedThing,
): {
  readonly principal: string
  readonly denial: Extract<Denial, { readonly reason: "policy_forbids" | "policy_permits_nothing" }> | null
  readonly rules: readonly string[]
} {
  const { request, entities } = manageRequest(operator, method, thing, base)
  const { allowed, determining: rules } = engine.authorize(request, entities)
  const principal = request.principal.key
  if (allowed) return { principal, denial: null, rules }
  if (rules.length > 0) return { principal, denial: { reason: "policy_forbids", principal, rules }, rules }
  return { principal, denial: { reason: "policy_permits_nothing", principal }, rules }
}
