/** gateways.yaml: the gateways that may ask, how each speaks, what is behind it; and who may ask about policy alone. */
import { z } from "zod"
import { OWN_ALGORITHMS } from "../../../src/core/keys/algorithm.ts"
import { DIALECT_NAMES } from "../../../src/core/policy/definition/gateways.ts"
import { cedarType, headerName, name, origin, text } from "./values.ts"

/** Of a key that somebody presents. */
export const digest = text(
  (value) => /^[0-9a-f]{64}$/u.test(value),
  "not a SHA-256",
  "Write 64 lower-case hex digits: `printf %s KEY | sha256sum`. The key itself does not belong here.",
)

const transactionTokens = z.strictObject({
  audience: text(
    (value) => /^[\x21-\x7e]{1,2048}$/u.test(value),
    "not an audience",
    "Write the trust domain behind the gateway: plain ASCII without blanks.",
  ),
  algorithm: z.enum(OWN_ALGORITHMS).default("ES256"),
})

const asserts = z
  .strictObject({
    country: headerName.exactOptional().describe("Country of the client, ISO 3166-1 alpha-2."),
    client_ip: headerName.exactOptional().describe("IP address of the client, the first where there are several."),
  })
  .refine((headers) => Object.keys(headers).length > 0, {
    error: "nothing is asserted",
    params: { fix: "Write `country: HEADER`, `client_ip: HEADER` or both, or remove `asserts`." },
  })

const gateway = z.strictObject({
  id: name.describe("What records and rules call it."),
  dialect: z.enum(DIALECT_NAMES).describe("How it asks."),
  key_sha256: z
    .array(digest)
    .default([])
    .describe("The SHA-256 of each key that it may present, in hex; several while a key is changed."),
  origins: z.array(origin).min(1).describe("Public origins that it serves, the first being the default."),
  audience: text(
    (value) => URL.canParse(value),
    "not an audience",
    "Write the URI of what is behind the gateway.",
  ).describe("What delegation tokens are made for: the URI of what is behind it."),
  environment: name.describe("Grants can be held to one."),
  mode: z.enum(["enforce", "observe"]).default("enforce").describe("`observe`: decide, record, and allow."),
  body: z.boolean().default(false).describe("Whether it forwards bodies: without them, arguments in one stay unknown."),
  transaction_tokens: transactionTokens.exactOptional().describe("What is behind it gets a signed token of who calls."),
  asserts: asserts
    .exactOptional()
    .describe("What it tells of the client, in headers that it sets itself and overwrites whatever the client sends."),
  preflights: z
    .boolean()
    .default(false)
    .describe("CORS preflights pass without a token: OPTIONS with Origin and Access-Control-Request-Method, no body."),
  settles: z
    .boolean()
    .default(false)
    .describe("It tells when a call that it let through has ended, so that the call is no longer in flight."),
  request_id_header: headerName
    .exactOptional()
    .describe("The header in which the gateway itself names each request: its own retry is then counted once."),
})

const query = z.strictObject({
  id: name.describe("What people call it."),
  key_sha256: z
    .array(digest)
    .default([])
    .describe("The SHA-256 of each key that it may present, in hex; several while a key is changed."),
  types: z
    .record(z.string().min(1).max(256), cedarType)
    .default({})
    .describe("The Cedar type of a type that it names otherwise, such as `document: Files::Document`."),
  action_type: cedarType.default("Action").describe("The Cedar type of its actions, such as `Files::Action`."),
  actions: z
    .record(z.string().min(1).max(256), z.string().min(1))
    .default({})
    .describe("The id of an action that it names otherwise, such as `read: view`."),
})

export const gatewaysFile = z.strictObject({
  gateways: z.array(gateway),
  queries: z.array(query).default([]).describe("Who may ask, over AuthZEN, what policy says: advice, never an allow."),
})
export type GatewaysFile = z.infer<typeof gatewaysFile>
