/** Which broken rules some test notices. The official engine is not used: it knows the rules as they were written. */
import { isDeepStrictEqual } from "node:util"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { compileRules, type Engine } from "../../src/core/policy/cedar/engine.ts"
import type { EntityStore } from "../../src/core/policy/cedar/entities.ts"
import { isNode } from "../../src/core/policy/cedar/est.ts"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import { keysWithin, readScope } from "../../src/core/policy/cedar/scope.ts"
import type { EntityRef } from "../../src/core/policy/cedar/values/value.ts"
import { differences, gotOf } from "./expect.ts"
import { mutantsOf, type Mutant } from "./mutants.ts"
import type { RecordedQueries } from "./recording-engine.ts"
import { runOn } from "./run.ts"
import type { SuiteResult } from "./suite.ts"

export interface Mutation {
  readonly mutants: number
  /** Mutants that every test takes for the original rule. */
  readonly survivors: readonly Mutant[]
}

/** @param outcomes of the tests on the original bundle, all of them as expected */
export function mutate(body: BundleBody, bundle: Bundle, outcomes: readonly SuiteResult[]): Mutation {
  const mutants = mutantsOf(body, bundle)
  const scopes = new Scopes()
  const survivors = mutants.filter((mutant) => {
    const original = body.rules.find(({ id }) => id === mutant.rule)
    if (!original) throw new Error(`there is no rule ${mutant.rule}`)
    const either = [original, mutant.lowered ?? original]
    return !isNoticed(mutant, body, bundle, scopes.concerned(either, outcomes))
  })
  return { mutants: mutants.length, survivors }
}

function isNoticed(
  { rule, lowered }: Mutant,
  { rules }: BundleBody,
  bundle: Bundle,
  outcomes: readonly SuiteResult[],
): boolean {
  if (outcomes.length === 0) return false
  const broken = rules.flatMap((one) => (one.id === rule ? (lowered ?? []) : one))
  const engine = compileRules(broken)
  const run = runOn({ ...bundle, engine })
  return outcomes.some((outcome) => {
    const { expected, question } = outcome.of
    return mayNotice(outcome, engine) && differences(expected, gotOf(run.ask(question).result)).length > 0
  })
}

/** Repeating the queries costs a fraction of running the tests. Most tests do not depend on which rules permitted. */
function mayNotice({ of, recorded }: SuiteResult, engine: Engine): boolean {
  return recorded.some(({ queries, lookups }) => {
    const answersDiffer = queries.some(({ request, entities, answer }) => {
      const { allowed, determining } = engine.authorize(request, entities)
      if (allowed !== answer.allowed) return true
      return !(allowed && of.expected.rules === null) && determining.join() !== answer.determining.join()
    })
    return (
      answersDiffer ||
      lookups.some(({ action, resource, entities, reads }) => {
        return !isDeepStrictEqual(engine.readsFor(action, resource, entities), reads)
      })
    )
  })
}

/**
 * A case changes its result only if an answer on its way changes, and the first such answer is to a query that the case
 * makes of the original bundle. So only cases with a query within the scope of the rule, original or broken, can
 * notice.
 */
class Scopes {
  readonly #keys = new WeakMap<EntityStore, Map<string, ReadonlySet<string>>>()
  readonly #concerned = new Map<RecordedQueries, boolean>()

  concerned(rules: readonly LoweredRule[], outcomes: readonly SuiteResult[]): readonly SuiteResult[] {
    this.#concerned.clear()
    return outcomes.filter(({ recorded }) => recorded.some((each) => this.#isConcerned(rules, each)))
  }

  #isConcerned(rules: readonly LoweredRule[], recorded: RecordedQueries): boolean {
    let concerned = this.#concerned.get(recorded)
    if (concerned === undefined)
      this.#concerned.set(recorded, (concerned = rules.some((rule) => this.#concerns(rule, recorded))))
    return concerned
  }

  #concerns({ id, policy, reads }: LoweredRule, { queries, lookups }: RecordedQueries): boolean {
    if (!isNode(policy)) return true
    const principal = readScope(policy.principal, id)
    const action = readScope(policy.action, id)
    const resource = readScope(policy.resource, id)
    const isWithin = (scope: readonly string[], ref: EntityRef, store: EntityStore): boolean => {
      const keys = this.#keysOf(ref, store)
      return scope.some((key) => keys.has(key))
    }
    const isAsked = queries.some(({ request, entities }) => {
      if (!isWithin(resource, request.resource, entities)) return false
      return isWithin(action, request.action, entities) && isWithin(principal, request.principal, entities)
    })
    if (isAsked || reads.length === 0) return isAsked
    // Whether a call's arguments are needed depends on the rules about its tool alone.
    return lookups.some(
      (at) => isWithin(resource, at.resource, at.entities) && isWithin(action, at.action, at.entities),
    )
  }

  #keysOf(ref: EntityRef, store: EntityStore): ReadonlySet<string> {
    let ofStore = this.#keys.get(store)
    if (!ofStore) this.#keys.set(store, (ofStore = new Map()))
    let keys = ofStore.get(ref.key)
    if (!keys) ofStore.set(ref.key, (keys = new Set(keysWithin(ref, store))))
    return keys
  }
}
