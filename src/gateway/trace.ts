/**
 * Which span a call comes from. Its gateway passes the client's `traceparent` on, or, if it traces its own requests, puts
 * that of its request here in its place: either way the header names the nearest span. An MCP client names its span in
 * the message (SEP-414), whatever the transport's headers say, and so which trace the server's work is in. The header is
 * the parent if it is of that trace; otherwise the transport has a trace of its own, and the message's counts
 * (OpenTelemetry's semantic conventions for MCP, "Context propagation").
 */
import { readParamsOf } from "../core/catalog/mcp-message.ts"
import { isObject } from "../core/encoding/json.ts"
import { isSameTrace, readTraceparent, TRACEPARENT, type TraceParent } from "../core/encoding/trace-context.ts"
import type { PresentedCall } from "./presented.ts"

export function traceIn(headers: Headers): TraceParent | null {
  return readTraceparent(headers.get(TRACEPARENT))
}

/** A message counts once it has been read, which a call that is denied before that does not need. */
export function traceOf({ trace, body }: Pick<PresentedCall, "trace" | "body">): TraceParent | null {
  const meta = readParamsOf(body)?.["_meta"]
  const named = isObject(meta) ? readTraceparent(meta[TRACEPARENT]) : null
  return named === null || (trace !== null && isSameTrace(trace, named)) ? trace : named
}
