/** A compiled expression: a closure over its operands that takes the request and the entities, and no clock. */
import type { EntityStore } from "./entities.ts"
import type { Work } from "../../encoding/work.ts"
import type { CedarRecord, EntityRef, Value } from "./values/value.ts"

export interface PolicyRequest {
  readonly principal: EntityRef
  readonly action: EntityRef
  readonly resource: EntityRef
  readonly context: CedarRecord
  /** Of the call that is decided. */
  readonly work: Work
}

/** Throws EvaluationError if Cedar's evaluator errs; OutOfWork (core/encoding/work.ts); and nothing else. */
export type Evaluate = (request: PolicyRequest, entities: EntityStore) => Value
