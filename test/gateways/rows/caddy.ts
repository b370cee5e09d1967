import type { Row } from "../row.ts"

export const caddy: Row = {
  name: "caddy",
  page: "caddy.md",
  program: "caddy",
  printed: () => [
    [
      "# Another name in SNI,",
      "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n\n# Another name in SNI,",
    ],
  ],
  environment: ({ directory, key }) => ({
    NARROWGATE_KEY: key,
    ...{ HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
  }),
  differs: {
    // Refused by Caddy itself, before it asks.
    "an escape that is none": "400",
    "half an escape": "400",
    "a control byte": "400",
    // Caddy asks about these.
    "a method in small letters": "400 malformed_call",
    "a fragment": "403 unknown_tool",
    "a length and chunks": "400 malformed_call",
    // No body goes with the question, so none is too long.
    "a body of 1 MiB and a byte": "allowed",
    "a body of 1 MiB and a byte, in chunks": "allowed",
    // Any 2xx is an allow, where it has a decision; all else is relayed.
    "answers 404": "404",
    "sends elsewhere": "302",
    "answers 204 with an identity": "allowed",
    "hangs up": "502",
    "says nothing": "504",
    "is gone": "502",
  },
  carries: { body: true, decisionOfAllow: false, rateLimitOfAllow: false, unavailableAs: 503 },
}
