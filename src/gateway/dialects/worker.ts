/** A Worker that is bound to this one and asks by RPC, in plain values (rpc.ts). */
import { deny } from "../../core/denials/denial.ts"
import type { Dialect } from "./dialect.ts"
import { announcesBody, readRelayHeaders } from "./relayed-request.ts"

/** Set by the calling Worker, never by its client. */
export const REQUEST_ID = "X-Narrowgate-Request-Id"

export const worker: Dialect = {
  endpoint: "rpc",
  requestIdHeader: REQUEST_ID,
  async unwrap(question, gateway) {
    if (!gateway.body || question.body !== null || !announcesBody(question.headers)) return question
    return deny({ reason: "target_ambiguous", what: "it has a body that the gateway does not relay" })
  },
  read: readRelayHeaders,
  status: (status) => status,
}
