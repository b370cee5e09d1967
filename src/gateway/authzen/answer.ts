/** The answer: a decision, or why there can be none, and the form of an error. */

export interface EvaluationAnswer {
  readonly decision: boolean
  readonly context?: Readonly<Record<string, unknown>>
}

/** The evaluation cannot be decided as it is put: the decision is false, with the reason. */
export function malformedEvaluation(error_description: string): EvaluationAnswer {
  return { decision: false, context: { code: MALFORMED, error_description } }
}
export const MALFORMED = "malformed_evaluation"

/** Errors of a whole request, beside those of its key. */
export const ACCESS_CODES = { malformed: "invalid_request", forbidden: "access_denied" } as const
type AccessCode = (typeof ACCESS_CODES)[keyof typeof ACCESS_CODES]

/** Records an evaluation that could not be decided as it was put, and adds the id of that record. */
export function recorded<Context extends EvaluationAnswer["context"]>(
  context: Context,
  recordRefused: (code: string, what: string) => string,
): Context {
  if (context?.["code"] !== MALFORMED) return context
  return { ...context, decision_id: recordRefused(MALFORMED, String(context["error_description"])) }
}

/** An error of the whole request, not of one evaluation in it. */
export function failed(
  status: number,
  error: AccessCode,
  error_description: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ error, error_description }, { status, headers })
}

export const malformed = (what: string): Response => failed(400, "invalid_request", what)
