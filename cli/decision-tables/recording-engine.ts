/** An engine of which is kept what it was asked. */
import type { Engine, PolicyAnswer, PolicyRequest } from "../../src/core/policy/cedar/engine.ts"
import type { EntityStore } from "../../src/core/policy/cedar/entities.ts"
import type { EntityRef } from "../../src/core/policy/cedar/values/value.ts"

export interface RecordedQuery {
  readonly request: PolicyRequest
  readonly entities: EntityStore
  readonly answer: PolicyAnswer
}

/** Which arguments rules read was asked of this, before policy itself was. */
export interface Looked {
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly entities: EntityStore
  readonly reads: ReadonlySet<string>
}

/** In the order in which it was asked. */
export interface Heard {
  readonly asked: readonly RecordedQuery[]
  readonly looked: readonly Looked[]
}

export interface Overheard {
  readonly engine: Engine
  /** What was asked while `work` was done. */
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
