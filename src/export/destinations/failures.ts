/** Why records did not reach a sink, in a sentence that operators read: a closed set. */
export const FAILURES = {
  timeout: "The sink did not answer in time.",
  unreachable: "The sink could not be reached.",
  redirected: "The sink answered with a redirect, which is not followed: only sinks.yaml says where records go.",
  gone: "The sink answered that it is gone.",
  throttled: "The sink answered that it gets too much.",
  refused: "The sink refused the request.",
  failing: "The sink failed.",
  too_large: "The sink refused the request as too large.",
  no_endpoint:
    "The collector has nothing at the path of this signal: it has no pipeline for it, or the URL is not its base URL.",
  answer_unknown: "The sink answered with success, but not as a collector of OpenTelemetry does.",
  answer_endless: "The sink answered with success, and its answer did not end.",
  url_refused: "The URL of the sink is private, or is no https URL: nothing is sent there.",
  secret_missing: "SINK_SECRETS has no secret with a name that sinks.yaml gives.",
  no_bucket: "The Worker has no binding for the bucket that sinks.yaml names: `narrowgate deploy` writes it.",
  no_files: "This deployment has no files: only `narrowgate serve` has a sink of the kind `file`.",
  failed: "An internal error occurred.",
} as const satisfies Readonly<Record<string, `${string}.`>>

export type SinkFailure = keyof typeof FAILURES

interface FailedTry {
  readonly failure: SinkFailure
  readonly status: number | null
  readonly detail: string | null
}

export function failureText({ failure, status, detail }: FailedTry): string {
  const details = [status === null ? [] : `HTTP ${status}`, detail ?? []].flat()
  return details.length === 0 ? FAILURES[failure] : `${FAILURES[failure]} (${details.join(": ")})`
}
