/** What is answered: a decision, or why there can be none; with the headers that all answers have. */

export interface Decided {
  readonly decision: boolean
  readonly context?: Readonly<Record<string, unknown>>
}

/** The question cannot be decided as it is put: no permission, and why. */
export function undecided(error_description: string): Decided {
  return { decision: false, context: { code: "malformed_evaluation", error_description } }
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
