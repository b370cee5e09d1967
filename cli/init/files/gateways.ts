/** gateways.yaml: the one gateway that may request decisions. */
import { DIALECTS } from "../../../src/core/policy/definition/gateways.ts"
import { field } from "../../import/catalog-text.ts"
import { GATEWAY, type Plan } from "./plan.ts"

export function gatewaysText({ gateway, at, trust }: Plan): string {
  const { dialect, keyDigest } = gateway
  const { body, requestId, restatesStatus, servesMetadata, filtersLists } = DIALECTS[dialect]
  const lines = [
    `  - ${field("id", GATEWAY)}`,
    `    # Its configuration: docs/guides/gateways/ has a complete one.`,
    `    ${field("dialect", dialect)}`,
    `    ${field("key_sha256", [keyDigest])}`,
    `    # Where agents call it; the catalog's origins are among these.`,
    `    ${field("origins", [at.origin])}`,
    `    ${field("audience", at.origin)}`,
    `    # Grants can be held to one: \`environments: [production]\`.`,
    `    ${field("environment", trust.kind === "local" ? "development" : "production")}`,
    `    # Whether it forwards bodies: without them, no rule can read what is in one.`,
    `    ${field("body", body)}`,
    ...(body && restatesStatus
      ? [
          "    # A denied MCP message is answered as its server would: the client's session survives, its model reads why.",
          `    ${field("denials", "mcp")}`,
        ]
      : []),
    ...(servesMetadata
      ? [
          "    # Clients of MCP look at its own origin for where to get a token.",
          `    ${field("serves_metadata", true)}`,
        ]
      : []),
    ...(dialect === "authzen"
      ? []
      : [
          "    # A browser asks without a token whether its page may call: the upstream answers that.",
          `    ${field("preflights", true)}`,
        ]),
    ...(filtersLists
      ? [
          "    # What an agent can neither use nor obtain by requesting more scope is in no list of an MCP server.",
          `    ${field("filters_lists", "obtainable")}`,
        ]
      : []),
    ...(requestId
      ? [
          "    # Set by the gateway itself, whatever the client sends: its own retry is then counted once.",
          "    request_id_header: x-request-id",
        ]
      : []),
  ]
  return `\
# The gateways that may ask, what each speaks, and what is behind it. A gateway proves itself by a key, of which only
# the SHA-256 stands here (\`printf %s "$KEY" | sha256sum\`); two of them while you change it. Delegation tokens are
# made for one \`audience\`. In the local stack each gateway has a development key besides.

gateways:
${lines.join("\n")}
`
}
