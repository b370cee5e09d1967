/** What became of a request to manage: the answer, and what its record says. */
import type { DecisionRecord } from "../core/record/record.ts"

/** The part of a record that the door knows before any work. */
export type RecordStart = Pick<DecisionRecord, "id" | "at" | "kind" | "method" | "path" | "bundle">

export interface ApiResult {
  readonly status: 200 | 400 | 401 | 403 | 404 | 409 | 429 | 503
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Null: recorded elsewhere, or a continuation of what is recorded. */
  readonly record: Partial<DecisionRecord> | null
}

/** @param wrong what is wrong with the request, in a sentence for its sender */
export function malformed(wrong: string, record: ApiResult["record"] = {}): ApiResult {
  const body = { error: "invalid_request", error_description: wrong }
  return { status: 400, body, record: { ...record, code: "invalid_request" } }
}
