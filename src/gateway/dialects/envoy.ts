/**
 * Envoy's ext_authz HTTP service sends the original method, `path_prefix` followed by the path and query, the client's
 * Host, and the headers of `allowed_headers`. Envoy takes exactly 200 as an allow and relays every other answer below
 * 500. It takes an answer of 500 or above for an outage of the authorizer, and allows the call if its configuration
 * sets `failure_mode_allow`. So a 503 is sent as 403, with the true status beside it. agentgateway sends the same
 * request. Source: Envoy documentation, "External Authorization", HTTP service.
 *
 * The path in the URL is not the one that Envoy forwards: a Cloudflare zone resolves `..` and `%2e%2e` before the
 * Worker runs, so `/admin/../tickets` would be judged as `/tickets`. Envoy therefore repeats the raw path in a header
 * that its configuration sets and overwrites. Narrowgate judges that path, which must resolve to the same URL.
 */
import { deny } from "../../core/denials/denial.ts"
import type { Dialect } from "./dialect.ts"

const PREFIX = "/authz/envoy"
const ORIGINAL_PATH = "X-Narrowgate-Original-Path"

export const envoy: Dialect = {
  endpoint: PREFIX,
  read(request, rawTarget) {
    // With `allow_partial_message` Envoy sends the beginning of a long body, while the upstream reads all of it.
    const partial = request.headers.get("x-envoy-auth-partial-body")
    if (partial !== null && partial !== "false") {
      return deny({ reason: "body_rejected", what: "the gateway passed on a part of the body only" })
    }
    const target = request.headers.get(ORIGINAL_PATH)
    if (target === null) return deny({ reason: "target_missing", header: ORIGINAL_PATH })
    if (!leadsTo(target, rawTarget.slice(PREFIX.length))) return deny({ reason: "original_path_differs" })
    return { method: request.method, target, host: request.headers.get("host") }
  },
  status: (status) => (status < 500 ? status : 403),
}

/** Whether both resolve to the same URL, whatever has been resolved of the second on its way. */
function leadsTo(original: string, arrived: string): boolean {
  if (original === arrived) return true
  return original.startsWith("/") && resolve(original) === resolve(arrived)
}

function resolve(target: string): string {
  const base = "http://gateway.invalid"
  return URL.canParse(base + target) ? new URL(base + target).href : target
}
