/** What became of a request to manage: the answer, and what its record says. */
import type { DecisionRecord } from "../audit/record.ts"

export interface Outcome {
  readonly status: 200 | 400 | 401 | 403 | 404 | 503
  readonly body: unknown
  readonly record: Partial<DecisionRecord>
}
