/** Typed configuration from `env`, parsed once in each isolate. A misconfigured Worker rejects every request. */
import * as z from "zod"
import { logEvent } from "./log.ts"
import { JURISDICTIONS } from "./jurisdiction.ts"
import { prepared } from "./prepared-schema.ts"
import { OWN_ALGORITHMS, type OwnAlgorithm } from "../core/keys/algorithm.ts"

const jwks = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

const secrets = z.record(z.string(), z.string().min(1))

const variables = prepared(
  z.object({
    /** Public URL of this Worker, without a trailing slash. */
    ISSUER: z.url().refine((url) => !url.endsWith("/"), "ISSUER must not end in a slash"),
    PUBLISHER_KEYS: z.string().transform((text, context): z.infer<typeof jwks> => {
      try {
        return jwks.parse(JSON.parse(text))
      } catch {
        context.addIssue({ code: "custom", message: "PUBLISHER_KEYS must be a JWK Set" })
        return z.NEVER
      }
    }),
    /**
     * The algorithm whose keys of the ring sign delegation tokens; tokens signed with the other verify until they
     * expire.
     */
    SIGNING_ALGORITHM: z.enum(OWN_ALGORITHMS).default("ES256"),
    /**
     * Requests that one run of the probe may make: below the plan's limit for an invocation, because a few more are
     * needed.
     */
    MAX_PROBE_REQUESTS: z.coerce.number().int().min(10).max(10_000).default(40),
    /** Seconds that records of reads may wait for others with their ledger, which saves requests and rows. */
    RECORD_DELAY_SECONDS: z.coerce.number().int().min(0).max(60).default(0),
    /**
     * JSON object of each receiver's `id` → secret (docs/guides/notifications.md). If it cannot be read, there are no
     * secrets: notifications are not sent, and calls continue.
     */
    WEBHOOK_SECRETS: z.string().default("{}").transform(readSecrets),
    /**
     * Secrets of our client at each issuer that wants one (`sign_in`): JSON object of the issuer's `id` → client
     * secret.
     */
    SIGN_IN_SECRETS: z
      .string()
      .optional()
      .transform((text, context): ReadonlyMap<string, string> => {
        try {
          return secretsIn(text ?? "{}")
        } catch {
          context.addIssue({ code: "custom", message: "SIGN_IN_SECRETS must be a JSON object of texts" })
          return z.NEVER
        }
      }),
    /** Where all Durable Objects are (jurisdiction.ts). Empty: anywhere. */
    JURISDICTION: z.enum(["", ...JURISDICTIONS]).default(""),
    /** Set by the local stack only: issuers may be on loopback, and bundles are checked every second. */
    LOCAL: z.literal("true").optional(),
  }),
  { ISSUER: "https://authz.invalid", PUBLISHER_KEYS: '{"keys":[{"kty":"EC"}]}' },
)

/** A map, because an object would have secrets by inherited names such as `constructor`. */
function secretsIn(json: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(secrets.parse(JSON.parse(json))))
}

function readSecrets(text: string): ReadonlyMap<string, string> {
  try {
    return secretsIn(text)
  } catch {
    logEvent("webhook_secrets_malformed", {})
    return new Map()
  }
}

export interface Config {
  readonly issuer: string
  readonly publisherKeys: { readonly keys: readonly Record<string, unknown>[] }
  readonly signingAlgorithm: OwnAlgorithm
  readonly maxProbeRequests: number
  readonly recordDelayMs: number
  /** Of receivers, by their id. */
  readonly webhookSecrets: ReadonlyMap<string, string>
  /** By the `id` of an issuer. */
  readonly signInSecrets: ReadonlyMap<string, string>
  /** Loopback issuers may be fetched. */
  readonly local: boolean
}

let parsed: { readonly from: unknown; readonly config: Config } | undefined

export function configOf(env: Env): Config {
  if (parsed?.from === env) return parsed.config
  const parsedVariables = variables.parse(env)
  const { ISSUER, PUBLISHER_KEYS, SIGNING_ALGORITHM, MAX_PROBE_REQUESTS, RECORD_DELAY_SECONDS } = parsedVariables
  const { SIGN_IN_SECRETS, WEBHOOK_SECRETS, LOCAL } = parsedVariables
  const config = {
    issuer: ISSUER,
    publisherKeys: PUBLISHER_KEYS,
    signingAlgorithm: SIGNING_ALGORITHM,
    maxProbeRequests: MAX_PROBE_REQUESTS,
    recordDelayMs: RECORD_DELAY_SECONDS * 1_000,
    webhookSecrets: WEBHOOK_SECRETS,
    signInSecrets: SIGN_IN_SECRETS,
    local: LOCAL === "true",
  }
  parsed = { from: env, config }
  return config
}
