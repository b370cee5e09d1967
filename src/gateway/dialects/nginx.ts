/**
 * nginx auth_request: a GET without a body, for which the configuration sets, and so overwrites, X-Original-Method and
 * X-Original-URI. nginx passes on X-Forwarded-* as the client sent them, so they are not read. Only 401 and 403 reach
 * the client; any other denial is sent as 403, with the true status in X-Narrowgate-Status. Source: nginx
 * documentation, ngx_http_auth_request_module.
 */
import { deny } from "../../core/denials/denial.ts"
import type { Dialect } from "./dialect.ts"

export const nginx: Dialect = {
  endpoint: "/authz/forward",
  read(request) {
    const method = request.headers.get("x-original-method")
    const target = request.headers.get("x-original-uri")
    if (method === null) return deny({ reason: "target_missing", header: "X-Original-Method" })
    if (target === null) return deny({ reason: "target_missing", header: "X-Original-URI" })
    return { method, target, host: request.headers.get("x-original-host") }
  },
  status: (status) => (status < 400 || status === 401 ? status : 403),
}
