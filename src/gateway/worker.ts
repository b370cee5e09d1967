/**
 * A Worker that is bound to this one and asks by RPC. What it says of the request it says itself, in headers that
 * rpc.ts sets over whatever its client sent. It sends the request on to the very URL that it names, so where that leads
 * is no matter of how many origins are registered: scheme, host and port have to be one of them.
 */
import { deny } from "../decision.ts"
import type { Dialect } from "./dialect.ts"

export const SAID = {
  method: "X-Narrowgate-Method",
  origin: "X-Narrowgate-Origin",
  target: "X-Narrowgate-Target",
  requestId: "X-Narrowgate-Request-Id",
} as const

export const worker: Dialect = {
  endpoint: "rpc",
  requestIdHeader: SAID.requestId,
  read({ headers }) {
    const [method, origin, target] = [headers.get(SAID.method), headers.get(SAID.origin), headers.get(SAID.target)]
    if (method === null || origin === null || target === null) {
      return deny({ reason: "target_missing", header: SAID.target })
    }
    return { method, target, host: null, origin }
  },
  status: (status) => status,
}
