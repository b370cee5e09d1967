/** gateways.yaml: the gateways that may ask, how each speaks, and what is behind it. */
import { z } from "zod"
import { OWN_ALGORITHMS } from "../../../src/credential/algorithm.ts"
import { DIALECTS } from "../../../src/policy/bundle.ts"
import { headerName, name, origin, text } from "./values.ts"

const digest = text(
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

const gateway = z.strictObject({
  id: name,
  dialect: z.enum(DIALECTS),
  key_sha256: z.array(digest).default([]),
  origins: z.array(origin).min(1),
  audience: text((value) => URL.canParse(value), "not an audience", "Write the URI of what is behind the gateway."),
  environment: name,
  mode: z.enum(["enforce", "observe"]).default("enforce"),
  body: z.boolean().default(false),
  transaction_tokens: transactionTokens.exactOptional(),
  request_id_header: headerName.exactOptional(),
})

export const gatewaysFile = z.strictObject({ gateways: z.array(gateway) })
export type GatewaysFile = z.infer<typeof gatewaysFile>
