/** gateways.yaml: the gateways that may ask, how each speaks, what is behind it; and who may ask about policy alone. */
import { z } from "zod"
import type { GatewayDefinition } from "../../../src/core/policy/definition/gateways.ts"
import { OWN_ALGORITHMS } from "../../../src/core/keys/algorithm.ts"
import {
  DIALECT_NAMES,
  DIALECTS,
  EXPERIMENTS,
  LIST_FILTERS,
  LOCATIONS,
} from "../../../src/core/policy/definition/gateways.ts"
import { cedarType, headerName, name, origin, text } from "./values.ts"

/** Of a key that a client presents. */
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
  ).describe("The `aud` of the tokens: the trust domain behind the gateway."),
  algorithm: z.enum(OWN_ALGORITHMS).default("ES256").describe("The algorithm that signs them."),
})

const asserts = z
  .strictObject({
    country: headerName.exactOptional().describe("The header with the country of the client (ISO 3166-1 alpha-2)."),
    client_ip: headerName
      .exactOptional()
      .describe("The header with the IP address of the client. If there are several addresses, the first one counts."),
  })
  .refine((headers) => Object.keys(headers).length > 0, {
    error: "nothing is asserted",
    params: { fix: "Write `country: HEADER`, `client_ip: HEADER` or both, or remove `asserts`." },
  })

const gateway = z.strictObject({
  id: name.describe("The id of the gateway in records and rules."),
  dialect: z.enum(DIALECT_NAMES).describe("The protocol in which the gateway requests decisions."),
  key_sha256: z
    .array(digest)
    .default([])
    .describe("The SHA-256 of each key that it may present, in hex. There are several while a key is being replaced."),
  origins: z.array(origin).min(1).describe("The public origins that it serves. The first one is the default."),
  audience: text(
    (value) => URL.canParse(value),
    "not an audience",
    "Write the URI of what is behind the gateway.",
  ).describe("The audience of delegation tokens for this gateway: the URI of what is behind it."),
  environment: name.describe("The environment, to which grants and guardrails can be restricted."),
  location: z
    .enum(LOCATIONS)
    .exactOptional()
    .describe(
      "The region in which it is, as Cloudflare names it. The ledger of a person is created there with the first task for its audience, and stays.",
    ),
  mode: z
    .enum(["enforce", "observe"])
    .default("enforce")
    .describe("`observe`: decisions are recorded, and every call is allowed."),
  body: z
    .boolean()
    .default(false)
    .describe("Whether the gateway forwards request bodies. Without them, arguments in bodies are unknown."),
  denials: z
    .enum(["http", "mcp"])
    .exactOptional()
    .describe(
      "Whether a denied MCP message is answered as its server would answer, or by its HTTP status. `mcp` requires `body: true`, and is the default with it at dialects whose page configures it.",
    ),
  experimental: z
    .array(z.enum(EXPERIMENTS))
    .exactOptional()
    .describe(
      "Drafts of standards that clients of this gateway get, any of which may change or go without notice. `structured-denials`: SEP-2643, which requires `denials: mcp`.",
    ),
  transaction_tokens: transactionTokens
    .exactOptional()
    .describe("The upstream gets a signed Transaction Token, which names the caller."),
  asserts: asserts
    .exactOptional()
    .describe(
      "Properties of the client, in headers that the gateway itself sets and that overwrite what the client sends.",
    ),
  preflights: z
    .boolean()
    .default(false)
    .describe(
      "Whether CORS preflight requests pass without a token: OPTIONS with `Origin` and `Access-Control-Request-Method`, and no body.",
    ),
  settles: z
    .boolean()
    .default(false)
    .describe(
      "Whether the gateway reports the end of calls that were allowed, after which they are no longer in flight.",
    ),
  serves_metadata: z
    .boolean()
    .default(false)
    .describe(
      "Whether it serves the metadata of its MCP servers at its own origin (RFC 9728), which challenges then name. If not, they name Narrowgate's own URL of it.",
    ),
  filters_lists: z
    .enum(LIST_FILTERS)
    .exactOptional()
    .describe(
      "What it leaves in lists of MCP servers. `granted`: what the caller's token covers. `obtainable`: also what the agent can obtain by requesting more scope. If not given: everything.",
    ),
  request_id_header: headerName
    .exactOptional()
    .describe("The header in which the gateway itself gives each request an id, so that its own retries count once."),
})

const query = z.strictObject({
  id: name.describe("The id of the client."),
  key_sha256: z
    .array(digest)
    .default([])
    .describe("The SHA-256 of each key that it may present, in hex. There are several while a key is being replaced."),
  types: z
    .record(z.string().min(1).max(256), cedarType)
    .default({})
    .describe("The Cedar types of the client's own type names, such as `document: Files::Document`."),
  action_type: cedarType.default("Action").describe("The Cedar type of its actions, such as `Files::Action`."),
  actions: z
    .record(z.string().min(1).max(256), z.string().min(1))
    .default({})
    .describe("The Cedar action ids of the client's own action names, such as `read: view`."),
})

export const gatewaysFile = z.strictObject({
  gateways: z.array(gateway).describe("The gateways that request decisions."),
  queries: z
    .array(query)
    .default([])
    .describe("The clients that may query the policies over AuthZEN. The answer is advice and never allows a call."),
})
export type GatewaysFile = z.infer<typeof gatewaysFile>

/** As a bundle has it. */
export function toGateway(entry: GatewaysFile["gateways"][number]): GatewayDefinition {
  const { settles, preflights, serves_metadata, ...gateway } = entry
  const denials = entry.body && DIALECTS[entry.dialect].restatesStatus ? "mcp" : "http"
  return {
    denials,
    ...gateway,
    ...(settles && { settles }),
    ...(preflights && { preflights }),
    ...(serves_metadata && { serves_metadata }),
  }
}
