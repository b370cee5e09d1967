/** A compiled expression: a closure over its operands that takes the request and the entities, and no clock. */
import type { EntityStore } from "./entities.ts"
import type { CedarRecord, EntityRef, Value } from "./values/value.ts"

export interface PolicyRequest {
  readonly principal: EntityRef
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly context: CedarRecord
}

/** Throws EvaluationError, and nothing else, if Cedar's evaluator errs. */
export type Evaluate = (request: PolicyRequest, entities: EntityStore) => Value
