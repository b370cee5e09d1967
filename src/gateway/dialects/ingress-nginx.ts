/**
 * ingress-nginx: nginx's auth_request, which the controller configures. The target stands in X-Original-URL, behind a
 * scheme and the client's own Host. Only what follows these is believed: a client that chose the origin would choose
 * the tool. If several origins are registered, the Host only chooses among them. Source: ingress-nginx, template of
 * nginx.conf, "External authentication".
 */
import { deny } from "../../core/denials/denial.ts"
import type { Dialect } from "./dialect.ts"
import { nginx } from "./nginx.ts"

/** nginx rejects a Host that contains a slash. */
const PARTS = /^https?:\/\/([^/?#]*)(\/[^]*)$/

export const ingressNginx: Dialect = {
  endpoint: "/authz/forward",
  read({ headers }) {
    const method = headers.get("x-original-method")
    const url = headers.get("x-original-url")
    if (method === null) return deny({ reason: "target_missing", header: "X-Original-Method" })
    if (url === null) return deny({ reason: "target_missing", header: "X-Original-URL" })
    const [, host, target] = PARTS.exec(url) ?? []
    if (host === undefined || target === undefined) {
      return deny({ reason: "target_ambiguous", what: "the original URL has no path" })
    }
    return { method, target, host }
  },
  status: nginx.status,
}
