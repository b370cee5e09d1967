/**
 * Envoy's ext_authz HTTP service: the original method, `path_prefix` followed by the raw path and query, the client's
 * Host, and the headers of `allowed_headers`. It takes exactly 200 as an allow and relays every other answer.
 * Source: Envoy documentation, "External Authorization", HTTP service.
 */
import { deny } from "../decision.ts"
import type { Dialect } from "./dialect.ts"

const PREFIX = "/authz/envoy"

export const envoy: Dialect = {
  endpoint: PREFIX,
  read(request, rawTarget) {
    // A body that was cut is not the body (GATEWAYS pitfall 12): what the upstream will read stays unknown.
    if (request.headers.get("x-envoy-auth-partial-body") === "true") {
      return deny({ reason: "body_rejected", what: "the gateway passed on a part of the body only" })
    }
    const target = rawTarget.slice(PREFIX.length)
    if (!target.startsWith("/")) return deny({ reason: "target_missing", header: "path" })
    return { method: request.method, target, host: request.headers.get("host") }
  },
  status: (status) => status,
}
