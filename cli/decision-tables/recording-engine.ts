/** An engine that records its queries. */
import type { Engine, PolicyAnswer, PolicyRequest } from "../../src/core/policy/cedar/engine.ts"
import type { EntityStore } from "../../src/core/policy/cedar/entities.ts"
import type { EntityRef } from "../../src/core/policy/cedar/values/value.ts"

export interface RecordedQuery {
  readonly request: PolicyRequest
  readonly entities: EntityStore
  readonly answer: PolicyAnswer
}

/** A lookup of the arguments that rules read, which precedes the evaluation. */
export interface ReadsLookup {
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly entities: EntityStore
  readonly reads: ReadonlySet<string>
}

/** In the order of the queries. */
export interface RecordedQueries {
  readonly queries: readonly RecordedQuery[]
  readonly lookups: readonly ReadsLookup[]
}

export interface RecordingEngine {
  readonly engine: Engine
  /** The queries made while `work` ran. */
  during<Value>(work: () => Value): { readonly value: Value; readonly recorded: RecordedQueries }
}

export function recordingEngine(engine: Engine): RecordingEngine {
  let queries: RecordedQuery[] = []
  let lookups: ReadsLookup[] = []
  return {
    engine: {
      ...engine,
      authorize: (request, entities) => {
        const answer = engine.authorize(request, entities)
        queries.push({ request, entities, answer })
        return answer
      },
      readsFor: (action, resource, entities) => {
        const reads = engine.readsFor(action, resource, entities)
        lookups.push({ action, resource, entities, reads })
        return reads
      },
    },
    during: (work) => {
      queries = []
      lookups = []
      return { recorded: { queries, lookups }, value: work() }
    },
  }
}
