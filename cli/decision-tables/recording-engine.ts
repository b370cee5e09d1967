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
export interface Looked {
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly entities: EntityStore
  readonly reads: ReadonlySet<string>
}

/** In the order of the queries. */
export interface Heard {
  readonly asked: readonly RecordedQuery[]
  readonly looked: readonly Looked[]
}

export interface Overheard {
  readonly engine: Engine
  /** The queries made while `work` ran. */
  during<Value>(work: () => Value): { readonly value: Value; readonly heard: Heard }
}

export function overhear(engine: Engine): Overheard {
  let queries: RecordedQuery[] = []
  let looked: Looked[] = []
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
        looked.push({ action, resource, entities, reads })
        return reads
      },
    },
    during: (work) => {
      queries = []
      looked = []
      return { heard: { asked: queries, looked }, value: work() }
    },
  }
}
