/**
 * Gateways that describe the client's request in X-Forwarded-Method, -Uri and -Host: Traefik and Caddy by themselves;
 * HAProxy, Apache, APISIX and the shim for AWS because their pages in docs/guides/gateways/ configure them so. All of
 * them overwrite the client's headers of these names. X-Original-*, X-Forwarded-Prefix and X-Forwarded-Port are not
 * read: not all of these gateways overwrite them, so a client could choose their values. Source: Traefik documentation,
 * ForwardAuth; Caddy documentation, forward_auth; APISIX documentation, forward-auth.
 */
import { deny, type Denied } from "../../core/denials/denial.ts"
import type { OriginalRequest, Dialect } from "./dialect.ts"

export function readForwarded({ headers }: Request): OriginalRequest | Denied {
  const method = headers.get("x-forwarded-method")
  const target = headers.get("x-forwarded-uri")
  if (method === null) return deny({ reason: "target_missing", header: "X-Forwarded-Method" })
  if (target === null) return deny({ reason: "target_missing", header: "X-Forwarded-Uri" })
  return { method, target, host: headers.get("x-forwarded-host") }
}

/** Every status reaches the client unchanged. */
export const forwarded: Dialect = { endpoint: "/authz/forward", read: readForwarded, status: (status) => status }
