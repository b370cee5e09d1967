/** What a ledger cannot know of the token request that it grants. */
import { readTraceparent, TRACEPARENT } from "../../core/encoding/trace-context.ts"
import type { RequestStamp } from "../../core/record/token-record.ts"
import type { RequestContext } from "../../request-context.ts"

interface TokenRequest {
  readonly http: Request
  readonly decisionId: string
  readonly context: RequestContext
}

export function stampOf({ http, decisionId, context }: TokenRequest): RequestStamp {
  return { decisionId, receivedAt: context.receivedAt, ...traceOf(http) }
}

/** The header names the span that requests the token (W3C Trace Context). */
export function traceOf({ headers }: Request): Pick<RequestStamp, "trace"> {
  const trace = readTraceparent(headers.get(TRACEPARENT))
  return trace === null ? {} : { trace }
}
