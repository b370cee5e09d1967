import { libraries } from "../installed.ts"
import type { Row } from "../row.ts"

export const haproxy: Row = {
  name: "haproxy",
  page: "haproxy.md",
  program: "haproxy",
  printed: ({ port, directory }) => [
    ["  user haproxy\n  group haproxy\n", ""],
    [" user haproxy mode 600", " mode 600"],
    ["/run/haproxy/", `${directory}/`],
    [`bind :${port} ssl`, `bind 127.0.0.1:${port} ssl`],
  ],
  environment: ({ root, key }) => ({ ...libraries(root), NARROWGATE_KEY: key }),
  broken: ["  local headers = {}\n", '  error("broken")\n'],
  differs: {
    // Refused by HAProxy itself, before it asks.
    PROPFIND: "501",
    TRACE: "501",
    "a method that nobody knows": "501",
    "a method in small letters": "501",
    "two tokens": "400",
    "two proofs": "400",
    "two Mcp-Name lines": "400",
    "two hosts": "421",
    "another host in the target": "400",
    "our host in the target": "400",
    "our host in the target, another in Host": "400",
    "a fragment": "400",
    "a byte that is no ASCII": "400",
    "a control byte": "400",
    "a target without a path": "400",
    // The chunks count, to Narrowgate and to the upstream.
    "a length and chunks": "allowed",
  },
  carries: { body: true, decisionOfAllow: true, rateLimitOfAllow: false, unavailableAs: 503 },
}
