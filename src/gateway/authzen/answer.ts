/** What is answered: a decision, or why there can be none; with the headers that all answers have. */

export interface Decided {
  readonly decision: boolean
  readonly context?: Readonly<Record<string, unknown>>
}

/** The question cannot be decided as it is put: no permission, and why. */
export function undecided(error_description: string): Decided {
  return { decision: false, context: { code: MALFORMED, error_description } }
}
const MALFORMED = "malformed_evaluation"

/** Recorded, and with the id of its record, if it could not be decided as it was put. */
export function recorded<Context extends Decided["context"]>(
  context: Context,
  recordRefused: (code: string, what: string) => string,
): Context {
  if (context?.["code"] !== MALFORMED) return context
  return { ...context, decision_id: recordRefused(MALFORMED, String(context["error_description"])) }
}

/** About the whole request, not about what it asks. */
export function failed(
  status: number,
  error: string,
  error_description: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ error, error_description }, { status, headers })
}

export const malformed = (what: string): Response => failed(400, "invalid_request", what)
