/** A Worker that is bound to this one and asks by RPC, in plain values (rpc.ts). */
import type { Dialect } from "./dialect.ts"
import { readSaid } from "./told.ts"

/** Its own, never its client's. */
export const REQUEST_ID = "X-Narrowgate-Request-Id"

export const worker: Dialect = {
  endpoint: "rpc",
  requestIdHeader: REQUEST_ID,
  read: readSaid,
  status: (status) => status,
}
