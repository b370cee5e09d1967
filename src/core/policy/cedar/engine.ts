/**
 * Cedar's authorization: a request is allowed if a permit holds and no forbid does; a permit that errs does not hold.
 * Source: Cedar documentation, "Authorization"; cedar-spec, Authorizer.lean. The one intended difference: a forbid that
 * errs denies too, and counts as determining. Cedar skips it, so that an agent could omit or misshape an argument and
 * pass the very rule that was written to stop it. Synchronous, without I/O or clock.
 */
import { Rule } from "./compile.ts"
import type { EntityStore } from "./entities.ts"
import { type PolicyRequest } from "./evaluate.ts"
import { filedRules, scopesOf, type FiledRules } from "./filing.ts"
import type { LoweredRule } from "./lowered.ts"
import type { Scope } from "./scope.ts"
import { slicer, type RuleAbout } from "./slices.ts"
import { EvaluationError, UNITS_OF_ERROR } from "./values/evaluation-error.ts"
import type { EntityRef } from "./values/value.ts"

export type { PolicyRequest } from "./evaluate.ts"

export interface PolicyAnswer {
  readonly allowed: boolean
  /**
   * Ids of the rules that decided, sorted: the forbids that hold or err if there are any, else the permits that hold.
   * Empty: no rule decided, which is the default deny.
   */
  readonly determining: readonly string[]
  /** Ids of the rules that could not be evaluated, of either effect, sorted. */
  readonly erring: readonly string[]
}

export interface Engine {
  authorize(request: PolicyRequest, entities: EntityStore): PolicyAnswer
  /**
   * Whether some arguments could be allowed if everything else is as in the request, whose own arguments are ignored.
   * If not allowed, no arguments are. `determining` are the forbids that hold or err whatever the arguments.
   */
  mayAllow(request: PolicyRequest, entities: EntityStore): Pick<PolicyAnswer, "allowed" | "determining">
  /**
   * Whether any permit's action and resource scope match; `false` means that no principal and no context is allowed.
   */
  mayPermit(action: EntityRef, resource: EntityRef, entities: EntityStore): boolean
  /**
   * Names of the arguments that rules with matching action and resource scopes read; found without visiting each rule.
   */
  readsFor(action: EntityRef, resource: EntityRef, entities: EntityStore): ReadonlySet<string>
  /** Names of members within arguments that these rules read (LoweredRule.members). */
  membersFor(action: EntityRef, resource: EntityRef, entities: EntityStore): ReadonlySet<string>
  /** Other members of the context that these rules read (LoweredRule.facts). */
  factsFor(action: EntityRef, resource: EntityRef, entities: EntityStore): ReadonlySet<string>
  rule(id: string): LoweredRule | undefined
  /** For explanations: the rules that could matter to some principal. */
  rulesAbout(action: EntityRef, resource: EntityRef, entities: EntityStore): readonly RuleAbout[]
  /** For explanations: the rules with these ids, or all, each with its scope; none is compiled. */
  written(ids?: Iterable<string>): Iterable<{ readonly rule: LoweredRule; readonly scope: Scope }>
  /** Conditions are compiled when first evaluated; a build must compile all. Throws UnsupportedOperator. */
  compileAll(): void
}

/** Like `engineOf`, for rules that are filed here. Throws on a duplicate id, and UnsupportedOperator (est.ts). */
export function compileRules(rules: readonly LoweredRule[]): Engine {
  return engineOf(filedRules(rules))
}

/** A rule is read when first needed; the build has found any error in it before. */
export function engineOf(filed: FiledRules): Engine {
  const { rules } = filed
  const byPlace = new Map<number, Rule>()
  const ruleAt = (place: number): Rule => {
    let rule = byPlace.get(place)
    if (rule === undefined) byPlace.set(place, (rule = new Rule(rules.at(place))))
    return rule
  }
  const sliceFor = slicer(filed, ruleAt)
  return {
    authorize: (request, entities) => {
      const slice = sliceFor(request.action, request.resource, entities)
      return decide(slice.rulesFor(request.principal, entities), request, entities)
    },
    mayAllow: (request, entities) => {
      const slice = sliceFor(request.action, request.resource, entities)
      return foresee(slice.rulesFor(request.principal, entities), request, entities)
    },
    mayPermit: (action, resource, entities) => sliceFor(action, resource, entities).mayPermit,
    readsFor: (action, resource, entities) => sliceFor(action, resource, entities).reads,
    membersFor: (action, resource, entities) => sliceFor(action, resource, entities).members,
    factsFor: (action, resource, entities) => sliceFor(action, resource, entities).facts,
    rule: (id) => rules.get(id),
    rulesAbout: (action, resource, entities) => sliceFor(action, resource, entities).about(),
    written: (ids) => writtenRules(filed, ids),
    compileAll: () => {
      for (const rule of rules.values()) new Rule(rule).compile()
    },
  }
}

/** A rule whose scope matches nothing (`in []`) is filed nowhere. */
function* writtenRules(
  filed: FiledRules,
  ids?: Iterable<string>,
): Iterable<{ readonly rule: LoweredRule; readonly scope: Scope }> {
  const scopes = scopesOf(filed)
  const rules = ids ? [...ids].flatMap((id) => filed.rules.find(id) ?? []) : filed.rules.values()
  for (const rule of rules) {
    const place = filed.rules.placeOf(rule.id)
    const scope = place === undefined ? undefined : scopes.get(place)
    yield { rule, scope: scope ?? { principal: ["any"], action: [], resource: ["any"] } }
  }
}

const NONE: readonly string[] = Object.freeze([])

function decide(rules: readonly Rule[], request: PolicyRequest, entities: EntityStore): PolicyAnswer {
  let permits: string[] | undefined
  let forbids: string[] | undefined
  let erring: string[] | undefined
  for (const rule of rules) {
    const outcome = evaluate(rule, request, entities)
    if (outcome === "errs") (erring ??= []).push(rule.lowered.id)
    if (rule.effect === "forbid") {
      if (outcome !== "fails") (forbids ??= []).push(rule.lowered.id)
    } else if (outcome === "holds") (permits ??= []).push(rule.lowered.id)
  }
  return {
    allowed: forbids === undefined && permits !== undefined,
    determining: (forbids ?? permits)?.toSorted() ?? NONE,
    erring: erring?.toSorted() ?? NONE,
  }
}

/** A permit that holds for some arguments is enough; a forbid counts only if no arguments make it fail. */
function foresee(
  rules: readonly Rule[],
  request: PolicyRequest,
  entities: EntityStore,
): Pick<PolicyAnswer, "allowed" | "determining"> {
  let permits = false
  let forbids: string[] | undefined
  for (const rule of rules) {
    const { holds, fails } = rule.foresee(request, entities)
    if (rule.effect === "permit") permits ||= holds
    else if (!fails) (forbids ??= []).push(rule.lowered.id)
  }
  return { allowed: permits && forbids === undefined, determining: forbids?.toSorted() ?? NONE }
}

/** Anything but an EvaluationError is a defect, and goes up to the handler that fails closed. */
function evaluate(rule: Rule, request: PolicyRequest, entities: EntityStore): "holds" | "fails" | "errs" {
  try {
    return rule.holds(request, entities) ? "holds" : "fails"
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error
    request.work.take(UNITS_OF_ERROR)
    return "errs"
  }
}
