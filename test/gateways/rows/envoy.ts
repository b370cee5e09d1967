import type { Row } from "../row.ts"

export const envoy: Row = {
  name: "envoy",
  page: "envoy.md",
  program: "envoy",
  printed: ({ innerPort }) => [
    ["address: 0.0.0.0", "address: 127.0.0.1"],
    ["port_value: 10081 }", `port_value: ${innerPort} }`],
  ],
  differs: {
    // Refused by Envoy itself, before it asks.
    "a method that nobody knows": "400",
    "claimed identity with underscores": "400",
    "claimed identity with both": "400",
    "another host": "403",
    "two Host lines": "403",
    "another host in the target": "403",
    "an encoded slash": "400",
    "an encoded backslash": "400",
    "a fragment": "400",
    "a byte that is no ASCII": "400",
    "a control byte": "400",
    "a target without a path": "400",
    "an Mcp-Name that is no ASCII": "403",
    // What Connection names is gone before the question.
    "a token to be stripped on the way": "401 missing_token",
    // The URL of the question leads elsewhere.
    "dot segments above the root": "403 unknown_gateway",
    "dot segments out of the authorizer's path": "403 unknown_gateway",
    // `status_on_error`, `decided`; all below 500 is relayed.
    "answers 500": "403",
    "has no owner yet": "403",
    "answers 404": "404",
    "sends elsewhere": "302",
    "answers 204 with an identity": "204",
    "is somebody else, who answers 200": "403",
    "answers 200 with an identity and no decision": "403",
    "hangs up": "403",
    "says nothing": "403",
    "is gone": "403",
    "has no ledger": "403 unavailable",
  },
  carries: { body: true, decisionOfAllow: true, rateLimitOfAllow: true, unavailableAs: 403 },
}
