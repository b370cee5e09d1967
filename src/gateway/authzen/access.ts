/** What a client may request at these endpoints, by how it is registered (client.ts). */
import type { Evaluation, Search, SearchedEntity } from "./question.ts"
import type { EvaluationAnswer } from "./answer.ts"
import type { Span } from "./page.ts"
import type { SearchPage } from "./search.ts"

export interface Access {
  /** SHA-256 of the key that the client presented. */
  readonly keyHash: string
  /** Records a request that could not be decided as it was put. @returns the id of the record */
  readonly recordMalformed: (code: string, what: string) => string
  /** Bytes of a request, at most. */
  readonly bytes: number
  /** Evaluations in one request, at most. */
  readonly evaluations: number
  /** @param index position among several evaluations; null if it is the only one */
  readonly decide: (question: Evaluation, index: number | null) => EvaluationAnswer | Promise<EvaluationAnswer>
  /** Null: a gateway that asks about calls cannot search. */
  readonly search: ((sought: SearchedEntity, question: Search, span: Span) => SearchPage) | null
}
