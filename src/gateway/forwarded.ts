/**
 * Traefik ForwardAuth and Caddy forward_auth: both overwrite X-Forwarded-Method, -Uri and -Host with the original
 * request's, and relay every refusal word for word. X-Original-* are the client's own here and are not read, nor are
 * X-Forwarded-Prefix and -Port (GATEWAYS pitfalls 1 and 8).
 * Source: Traefik documentation, ForwardAuth; Caddy documentation, forward_auth.
 */
import { deny } from "../decision.ts"
import type { Dialect } from "./dialect.ts"

const forwarded: Dialect = {
  endpoint: "/authz/forward",
  read(request) {
    const method = request.headers.get("x-forwarded-method")
    const target = request.headers.get("x-forwarded-uri")
    if (method === null) return deny({ reason: "target_missing", header: "X-Forwarded-Method" })
    if (target === null) return deny({ reason: "target_missing", header: "X-Forwarded-Uri" })
    return { method, target, host: request.headers.get("x-forwarded-host") }
  },
  status: (status) => status,
}

export const traefik: Dialect = forwarded
export const caddy: Dialect = forwarded
