/**
 * The official Cedar engine on the text of a policy directory, to be asked what the Worker's evaluator is asked. Both must
 * come to the same decision by the same rules, but for the one difference that is meant: here a forbid that errs denies.
 */
import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs"
import type { PolicyAnswer, PolicyRequest } from "../../src/core/policy/cedar/engine.ts"
import type { EntityStore } from "../../src/core/policy/cedar/entities.ts"
import { isNode } from "../../src/core/policy/cedar/est.ts"
import type { LoweredRule, StoredEntity } from "../../src/core/policy/cedar/lowered.ts"
import { officialSet, type WrittenRule } from "../compiler/rules/source-rules.ts"
import { OfficialWorld, refsIn, toContext, uidOf } from "./cedar-input.ts"
import type { RecordedQuery } from "./recording-engine.ts"

export interface Oracle {
  /** Null where the question cannot be put to it: a context with a member that Cedar's JSON takes for an escape. */
  authorize(request: PolicyRequest, entities: EntityStore): PolicyAnswer | null
}

/** What both engines say of a question on which they differ. */
export interface Disagreement {
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly ours: PolicyAnswer
  readonly official: PolicyAnswer
}

/** Null where they agree; `unput` where the official engine could not be asked. */
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

/** The whole of more rules than this is not asked for each question: the official engine copies all of them each time. */
const ASKED_WHOLE = 200

/** Sets that were handed to the official engine, which keeps them by name. */
let sets = 0

/**
 * @param written the rules as text
 * @param rules the same, lowered: their scopes
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

/** What the official engine says, as it would with forbids that deny where they err. */
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
