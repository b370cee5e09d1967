/** What somebody may ask here, by how they are registered (asker.ts). */
import type { Evaluation, Search, Sought } from "./question.ts"
import type { Decided } from "./answer.ts"
import type { Span } from "./page.ts"
import type { SearchPage } from "./search.ts"

export interface Access {
  /** Of the key that was presented. */
  readonly keyHash: string
  /** Keeps the record of what could not be decided as it was put. @returns its id */
  readonly recordRefused: (code: string, what: string) => string
  /** Bytes of a request, at most. */
  readonly bytes: number
  /** Evaluations in one request, at most. */
  readonly evaluations: number
  /** @param index which one of several it is; null: it is the only one */
  readonly decide: (question: Evaluation, index: number | null) => Decided | Promise<Decided>
  /** Null: who asks about calls gets no lists. */
  readonly search: ((sought: Sought, question: Search, span: Span) => SearchPage) | null
}
