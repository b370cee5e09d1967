/** What a test expects of a decision, and in which words it fails. */

/** A decision on a call, or the reason that no task was opened (`TaskDenied`). */
interface Verdict {
  readonly allowed: boolean
  readonly code: string | null
  readonly description?: string | null
  readonly message?: string
  /** Of the decision record. */
  readonly id?: string
}

/** @returns what differs. Null if it is as expected */
export function notAllowed(received: unknown): string | null {
  const verdict = verdictIn(received)
  if (!verdict) return noDecision(received)
  return verdict.allowed ? null : `expected the call to be allowed, but it was denied: ${denialText(verdict)}`
}

/** @param code undefined: any */
export function notDenied(received: unknown, code: string | undefined): string | null {
  const verdict = verdictIn(received)
  if (!verdict) return noDecision(received)
  const expected = code === undefined ? "expected the call to be denied" : `expected the call to be denied with ${code}`
  if (verdict.allowed) return `${expected}, but it was allowed`
  return code === undefined || verdict.code === code ? null : `${expected}, but it was denied: ${denialText(verdict)}`
}

function verdictIn(value: unknown): Verdict | null {
  if (typeof value !== "object" || value === null || !("allowed" in value) || !("code" in value)) return null
  const { allowed, code } = value
  return typeof allowed === "boolean" && (code === null || typeof code === "string")
    ? Object.assign(value, { allowed, code })
    : null
}

function denialText({ code, description, message, id = "" }: Verdict): string {
  const sentence = description ?? message
  const words = sentence === undefined || sentence === null ? String(code) : `${code}: ${sentence}`
  return id === "" ? words : `${words} (decision ${id})`
}

const noDecision = (received: unknown): string =>
  received instanceof Promise
    ? "expected a decision, but it is a promise: await the call"
    : "expected a decision, as `ng.call` returns it"
