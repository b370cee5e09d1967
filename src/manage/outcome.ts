/** What became of a request to manage: the answer, and what its record says. */
import type { DecisionRecord } from "../audit/record.ts"

export interface Outcome {
  readonly status: 200 | 400 | 401 | 403 | 404 | 503
  readonly body: unknown
  /** Null: a continuation of what is recorded already. */
  readonly record: Partial<DecisionRecord> | null
}
