import type { Row } from "../row.ts"

export const traefik: Row = {
  name: "traefik",
  page: "traefik.md",
  program: "traefik",
  printed: ({ port, innerPort }) => [
    [`address: ":${port}"`, `address: "127.0.0.1:${port}"`],
    ["127.0.0.1:10081", `127.0.0.1:${innerPort}`],
  ],
  // Until it has read the file with the routes.
  unready: "404 page not found\n",
  differs: {
    // Refused by Traefik itself, before it asks.
    "claimed identity with underscores": "400",
    "claimed identity with full stops": "400",
    "claimed identity with both": "400",
    "another host": "404",
    "another host in the target": "404",
    "an encoded slash": "400",
    "an encoded backslash": "400",
    "a backslash": "400",
    "an encoded zero": "400",
    "an escape that is none": "400",
    "half an escape": "400",
    "a fragment": "400",
    "a control byte": "400",
    // Decoded for the question and the upstream alike.
    "an escape of a letter": "403 insufficient_scope",
    // By workerd, to which the question itself has that method.
    "a method that nobody knows": "501",
    "a method in small letters": "501",
    // What Connection names is gone before the question.
    "a token to be stripped on the way": "401 missing_token",
    // Refused without a question, and with a status that invites to log in again.
    "a body of 1 MiB and a byte": "401",
    "a body of 1 MiB and a byte, in chunks": "401",
    // The chunks count, to Narrowgate and to the upstream.
    "a length and chunks": "allowed",
    // Any 2xx is an allow; without a decision there is no router.
    "answers 204 with an identity": "allowed",
    "is somebody else, who answers 200": "404",
    "answers 200 with an identity and no decision": "404",
    // All else is relayed.
    "answers 404": "404",
    "sends elsewhere": "302",
  },
  arrives: { "escapes that need not be": "/crm/tickets/42" },
  carries: { body: true, decisionOfAllow: false, rateLimitOfAllow: false, unavailableAs: 503 },
}
