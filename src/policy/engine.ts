/**
 * Cedar's authorization: allowed if a permit holds and no forbid does; a permit that errs does not hold.
 * Source: Cedar documentation, "Authorization"; cedar-spec, Authorizer.lean. The one intended difference: a forbid that
 * errs denies too, and counts as determining. In Cedar it is skipped, so that an agent which leaves out or misshapes an
 * argument would be let through by the very rule that was written to stop it.
 * Synchronous, without I/O or clock.
 */
import { type CompiledRule, compileRule } from "./compile.ts"
import type { Entity, EntityStore } from "./entities.ts"
import { EvaluationError, type PolicyRequest } from "./evaluate.ts"
import type { LoweredRule } from "./lowered.ts"
import type { EntityRef } from "./value.ts"

export type { PolicyRequest } from "./evaluate.ts"

export interface PolicyAnswer {
  readonly allowed: boolean
  /**
   * Ids of the rules that decided, sorted: the forbids that hold or err where there are any, else the permits that
   * hold. Empty: no rule decided, which is the default deny.
   */
  readonly determining: readonly string[]
  /** Ids of the rules that could not be evaluated, of either effect, sorted. */
  readonly erring: readonly string[]
}

export interface Engine {
  authorize(request: PolicyRequest, entities: EntityStore): PolicyAnswer
  /** Whether any permit's action and resource scope match; `false` means that no principal and no context is allowed. */
  mayPermit(action: EntityRef, resource: EntityRef, entities: EntityStore): boolean
  /** Those whose action and resource scopes match, sorted by id. */
  rulesFor(action: EntityRef, resource: EntityRef, entities: EntityStore): readonly LoweredRule[]
  rule(id: string): LoweredRule | undefined
}

/** Throws on an id that is there twice, and UnsupportedOperator (compile.ts). */
export function compileRules(rules: readonly LoweredRule[]): Engine {
  const byId = new Map<string, CompiledRule>()
  for (const rule of rules) {
    if (byId.has(rule.id)) throw new Error(`rule ${JSON.stringify(rule.id)} is there twice`)
    byId.set(rule.id, compileRule(rule))
  }
  const sliceFor = slicer([...byId.values()].toSorted((a, b) => (a.lowered.id < b.lowered.id ? -1 : 1)))
  return {
    authorize: (request, entities) => {
      return decide(sliceFor(request.action, request.resource, entities), request, entities)
    },
    mayPermit: (action, resource, entities) => sliceFor(action, resource, entities).mayPermit,
    rulesFor: (action, resource, entities) => sliceFor(action, resource, entities).lowered,
    rule: (id) => byId.get(id)?.lowered,
  }
}

/** The rules whose action and resource scopes match: all that a decision on these two looks at. */
interface Slice {
  readonly rules: readonly CompiledRule[]
  readonly lowered: readonly LoweredRule[]
  readonly mayPermit: boolean
  /** What the scopes were tested on: they hold for the same entity objects only, memberships may differ in others. */
  readonly action: Entity | undefined
  readonly resource: Entity | undefined
}

/** A catalog has hundreds of tools; a caller who may ask for any resource must not fill the memory. */
const MAX_SLICES = 4096

function slicer(rules: readonly CompiledRule[]) {
  const slices = new Map<string, Map<string, Slice>>()
  let count = 0
  return (action: EntityRef, resource: EntityRef, entities: EntityStore): Slice => {
    const known = slices.get(action.key)?.get(resource.key)
    const actionEntity = entities.get(action.key)
    const resourceEntity = entities.get(resource.key)
    if (known?.action === actionEntity && known?.resource === resourceEntity && known !== undefined) return known
    const matching = rules.filter((rule) => rule.action(action, entities) && rule.resource(resource, entities))
    const slice: Slice = {
      rules: matching,
      lowered: matching.map((rule) => rule.lowered),
      mayPermit: matching.some((rule) => rule.effect === "permit"),
      action: actionEntity,
      resource: resourceEntity,
    }
    if (known === undefined && ++count > MAX_SLICES) {
      slices.clear()
      count = 1
    }
    const ofAction = slices.get(action.key) ?? new Map<string, Slice>()
    slices.set(action.key, ofAction.set(resource.key, slice))
    return slice
  }
}

const NONE: readonly string[] = Object.freeze([])

function decide(slice: Slice, request: PolicyRequest, entities: EntityStore): PolicyAnswer {
  let permits: string[] | undefined
  let forbids: string[] | undefined
  let erring: string[] | undefined
  for (const rule of slice.rules) {
    if (!rule.principal(request.principal, entities)) continue
    const outcome = evaluate(rule, request, entities)
    if (outcome === "errs") (erring ??= []).push(rule.lowered.id)
    if (rule.effect === "forbid") {
      if (outcome !== "fails") (forbids ??= []).push(rule.lowered.id)
    } else if (outcome === "holds") (permits ??= []).push(rule.lowered.id)
  }
  return {
    allowed: forbids === undefined && permits !== undefined,
    determining: forbids ?? permits ?? NONE,
    erring: erring ?? NONE,
  }
}

/** Anything but an EvaluationError is a defect, and goes up to the handler that fails closed. */
function evaluate(rule: CompiledRule, request: PolicyRequest, entities: EntityStore): "holds" | "fails" | "errs" {
  try {
    return rule.holds(request, entities) ? "holds" : "fails"
  } catch (error) {
    if (error instanceof EvaluationError) return "errs"
    throw error
  }
}
