/** An engine that tells somebody of each question that it is asked. */
import type { Engine, PolicyAnswer, PolicyRequest } from "../../src/policy/engine.ts"
import type { EntityStore } from "../../src/policy/entities.ts"

export interface Asked {
  readonly request: PolicyRequest
  readonly entities: EntityStore
  readonly answer: PolicyAnswer
}

export function overheard(engine: Engine, hear: (asked: Asked) => void): Engine {
  return {
    ...engine,
    authorize: (request, entities) => {
      const answer = engine.authorize(request, entities)
      hear({ request, entities, answer })
      return answer
    },
  }
}
