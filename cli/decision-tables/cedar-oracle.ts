/**
 * The official Cedar engine on the text of a policy directory, which gets the same requests as the Worker's evaluator.
 * Both must decide alike, by the same rules, with one intended difference: here a forbid whose evaluation fails denies.
 */
import type { PolicyAnswer, PolicyRequest } from "../../src/core/policy/cedar/engine.ts"
import type { EntityStore } from "../../src/core/policy/cedar/entities.ts"
import { isNode } from "../../src/core/policy/cedar/est.ts"
import type { LoweredRule, StoredEntity } from "../../src/core/policy/cedar/lowered.ts"
import { preparsePolicySet, statefulIsAuthorized } from "../compiler/source/official-engine.ts"
import { officialSet, type WrittenRule } from "../compiler/rules/source-rules.ts"
import { OfficialWorld, refsIn, toContext, uidOf } from "./cedar-input.ts"
import type { RecordedQuery } from "./recording-engine.ts"

export interface Oracle {
  /**
   * Null if the official engine cannot take the request: its context has a member that Cedar's JSON takes for an
   * escape.
   */
  authorize(request: PolicyRequest, entities: EntityStore): PolicyAnswer | null
}

/** The results of both engines for a request on which they differ. */
export interface Disagreement {
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly ours: PolicyAnswer
  readonly official: PolicyAnswer
}

/** Null if they agree; `unput` if the official engine could not take the request. */
export function disagreement(
  oracle: Oracle,
  { request, entities, answer: ours }: RecordedQuery,
): Disagreement | "unput" | null {
  const official = oracle.authorize(request, entities)
  if (!official) return "unput"
  if (JSON.stringify(official) === JSON.stringify(ours)) return null
  const { principal, action, resource } = request
  return { principal: principal.key, action: action.id, resource: resource.key, ours, official }
}

/** With more rules than this the engine does not get all of them for each request, because it copies them each time. */
const ASKED_WHOLE = 200

/** Sets that the official engine has, by name. */
let sets = 0

/**
 * @param written the rules as text
 * @param rules the same rules, lowered: their scopes
 * @param stored the entities of the bundle
 */
export function oracleOf(
  written: ReadonlyMap<string, WrittenRule>,
  rules: readonly LoweredRule[],
  stored: readonly StoredEntity[],
): Oracle {
  const world = new OfficialWorld(stored, rules)
  const effects = new Map(rules.map(({ id, policy }) => [id, isNode(policy) ? policy.effect : null]))
  const names = new Map<string, string>()
  const preparsed = (ids: readonly string[]): string => {
    const key = ids.join()
    let name = names.get(key)
    if (name === undefined) {
      names.set(key, (name = `narrowgate ${++sets}`))
      const answer = preparsePolicySet(name, officialSet(ids.flatMap((id) => written.get(id) ?? [])))
      if (answer.type === "failure") throw new Error(answer.errors.map(({ message }) => message).join("; "))
    }
    return name
  }
  const all = rules.map(({ id }) => id)
  const rulesFor = (request: PolicyRequest, entities: EntityStore): readonly string[] =>
    rules.length <= ASKED_WHOLE ? all : world.mayBeAbout(request, entities)
  return {
    authorize: (request, entities) => {
      const context = toContext(request.context)
      if (!context) return null
      const { principal, action, resource } = request
      const call = {
        principal: uidOf(principal),
        action: uidOf(action),
        resource: uidOf(resource),
        context,
        entities: world.about([principal, action, resource, ...refsIn(request.context)], entities),
        preparsedPolicySetId: preparsed(rulesFor(request, entities)),
      }
      const answer = statefulIsAuthorized(call)
      if (answer.type === "failure") throw new Error(answer.errors.map(({ message }) => message).join("; "))
      const { decision, diagnostics } = answer.response
      const erring = diagnostics.errors.map(({ policyId }) => policyId)
      return asHere(decision === "allow", diagnostics.reason, erring, (rule) => effects.get(rule) === "forbid")
    },
  }
}

/** The official engine's result, as it would be if a forbid that fails denied. */
function asHere(
  allowed: boolean,
  reason: readonly string[],
  erring: readonly string[],
  isForbid: (rule: string) => boolean,
): PolicyAnswer {
  const forbids = erring.filter(isForbid)
  const determining = forbids.length === 0 ? reason : [...(allowed ? [] : reason), ...forbids]
  return {
    allowed: allowed && forbids.length === 0,
    determining: determining.toSorted(),
    erring: erring.toSorted(),
  }
}
