/** Requests of the well-known path of RFC 9728 at a gateway: those that are served from Narrowgate, and all others. */
import type { Sent } from "./wire.ts"

const WELL_KNOWN = "/.well-known/oauth-protected-resource"

/** A target → the path of the document at Narrowgate, after the gateway's id, and the resource that it is about. */
export const SERVED: readonly (readonly [target: string, below: string, resource: string])[] = [
  [WELL_KNOWN, "", "https://api.example"],
  [`${WELL_KNOWN}/desk/mcp`, "/desk/mcp", "https://api.example/desk/mcp"],
  [`${WELL_KNOWN}/everything/mcp`, "/everything/mcp", "https://api.example/everything/mcp"],
]

/** Headers by which a client, or a gateway, says who it is. */
export const SECRETS = ["Authorization", "DPoP", "Cookie", "X-Narrowgate-Key"]

/** A request to Narrowgate for a document, and for nothing else in any reader's eyes. */
export const DOCUMENT = /^(?:GET|OPTIONS) \/\.well-known\/oauth-protected-resource\/[a-z]+(?:\/[\w~-][\w.~-]*)*$/

/** None of these may reach Narrowgate as anything but a call that it authorizes, nor the upstream at all. */
export const NOT_SERVED: Readonly<Record<string, Sent>> = {
  "another method": { method: "POST", target: `${WELL_KNOWN}/desk/mcp`, body: "x" },
  "a method that changes": { method: "DELETE", target: WELL_KNOWN },
  "a path that only begins alike": { target: `${WELL_KNOWN}s/desk/mcp` },
  "another document": { target: "/.well-known/oauth-authorization-server" },
  "dot segments out of it": { target: `${WELL_KNOWN}/../../healthz` },
  "dot segments that end in it": { target: `${WELL_KNOWN}/desk/..` },
  "encoded dot segments": { target: `${WELL_KNOWN}/%2e%2e/%2e%2e/healthz` },
  "half-encoded dot segments": { target: `${WELL_KNOWN}/.%2e/healthz` },
  "a dot segment behind a slash that is encoded": { target: `${WELL_KNOWN}/..%2f..%2fhealthz` },
  backslashes: { target: `${WELL_KNOWN}\\..\\..\\healthz` },
  "an empty segment": { target: `${WELL_KNOWN}//desk/mcp` },
  parameters: { target: `${WELL_KNOWN}/..;/healthz` },
  "a template": { target: `${WELL_KNOWN}/{gateway}` },
  "what would be a variable": { target: `${WELL_KNOWN}/$host` },
  "what would be a capture": { target: `${WELL_KNOWN}/\\1` },
  "a slash at the end": { target: `${WELL_KNOWN}/desk/mcp/` },
  "the path in capitals": { target: WELL_KNOWN.toUpperCase() },
  "the path below another": { target: `/crm${WELL_KNOWN}` },
}
