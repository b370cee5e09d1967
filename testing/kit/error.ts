/** What a test of policies or of agents did wrong, or could not get. */

export type TestErrorCode =
  /** The policy directory does not check; the message has its problems. */
  | "policies_invalid"
  /** miniflare is not installed, or does not run on this system; the message says what to install. */
  | "runtime_missing"
  /** No user, agent, tool or gateway of the policies has that name, or several have. */
  | "unknown_name"
  /** The arguments of a call, or a span of time, are none. */
  | "invalid_argument"
  /** The denial waits for no approval, or this person may not answer it. */
  | "approval_refused"
  /** The test build gave an answer that this version does not know. */
  | "unexpected_answer"
  /** Stopped already. */
  | "stopped"

export class NarrowgateTestError extends Error {
  readonly code: TestErrorCode

  constructor(code: TestErrorCode, message: string) {
    super(message)
    this.name = "NarrowgateTestError"
    this.code = code
  }
}

/** No task was opened: Narrowgate denied the token. `code` is the OAuth error, such as `access_denied`. */
export class TaskDenied extends Error {
  readonly code: string
  /** Id of the decision record. Null if there is none. */
  readonly decision: string | null
  readonly allowed = false

  constructor(code: string, description: string, decision: string | null) {
    super(`no task was opened: ${code}: ${description}`)
    this.name = "TaskDenied"
    this.code = code
    this.decision = decision
  }
}
