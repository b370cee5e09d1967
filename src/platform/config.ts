/**
 * Typed configuration from `env`, parsed once in each isolate. A misconfigured Worker rejects every request. What a
 * deployment calls itself and whose bundles it accepts may also come from its claim (bundles/claim.ts): until both are
 * known there is no `Config`, so that nothing can be decided, issued or served by a guess.
 */
import * as z from "zod"
import { logEvent } from "./log.ts"
import { JURISDICTIONS } from "./jurisdiction.ts"
import { prepared } from "./prepared-schema.ts"
import { loopbackAccess, type LoopbackAccess } from "../core/policy/destinations.ts"
import { OWN_ALGORITHMS, type OwnAlgorithm } from "../core/keys/algorithm.ts"

const jwks = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })
type KeySet = z.infer<typeof jwks>

const secrets = z.record(z.string(), z.string().min(1))

const variables = prepared(
  z.object({
    /** Public URL of this Worker, without a trailing slash. Absent or empty: the one of the claim. */
    ISSUER: z
      .union([z.literal(""), z.url().refine((url) => !url.endsWith("/"), "ISSUER must not end in a slash")])
      .default(""),
    /** Absent or empty: the key of the claim. A set without keys is a set: nobody can publish. */
    PUBLISHER_KEYS: z
      .string()
      .default("")
      .transform((text, context): KeySet | null => {
        try {
          return text === "" ? null : jwks.parse(JSON.parse(text))
        } catch {
          context.addIssue({ code: "custom", message: "PUBLISHER_KEYS must be a JWK Set" })
          return z.NEVER
        }
      }),
    /** The secret by which the first operator claims the deployment. */
    CLAIM: z.string().default(""),
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
    WEBHOOK_SECRETS: z
      .string()
      .default("{}")
      .transform((text) => readSecrets(text, () => logEvent("webhook_secrets_malformed", {}))),
    /**
     * JSON object of the secrets that sinks.yaml names (docs/guides/sinks.md). If it cannot be read, there are none:
     * records wait in their logs.
     */
    SINK_SECRETS: z
      .string()
      .default("{}")
      .transform((text) => readSecrets(text, () => logEvent("sink_secrets_malformed", {}))),
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
    /** Lower-case hex SHA-256 of each key with which a scraper may read the metrics, separated by blanks. */
    SCRAPE_KEYS_SHA256: z
      .string()
      .default("")
      .transform((text) => new Set(text.split(/\s+/).filter(Boolean)))
      .refine((hashes) => [...hashes].every((hash) => /^[0-9a-f]{64}$/.test(hash)), "must be hex SHA-256 hashes"),
    /** Where all Durable Objects are (jurisdiction.ts). Empty: anywhere. */
    JURISDICTION: z.enum(["", ...JURISDICTIONS]).default(""),
    /** Set by the local stack only: issuers may be on loopback, and bundles are checked every second. */
    LOCAL: z.literal("true").optional(),
    /** Set by `narrowgate serve` if its operator lets the Worker reach this machine: sinks and receivers may be on it. */
    SEND_TO_LOOPBACK: z.literal("true").optional(),
  }),
  { ISSUER: "https://authz.invalid", PUBLISHER_KEYS: '{"keys":[{"kty":"EC"}]}' },
)

/** A map, because an object would have secrets by inherited names such as `constructor`. */
function secretsIn(json: string): ReadonlyMap<string, string> {
  return new Map(Object.entries(secrets.parse(JSON.parse(json))))
}

function readSecrets(text: string, report: () => void): ReadonlyMap<string, string> {
  try {
    return secretsIn(text)
  } catch {
    report()
    return new Map()
  }
}

/** What is the deployment's own, and never changes once it is known. */
export interface Ownership {
  /** Public URL of this Worker, without a trailing slash. */
  readonly issuer: string
  readonly publisherKeys: { readonly keys: readonly Record<string, unknown>[] }
}

/** What the configuration says by itself. */
export interface Settings {
  /** Of the ownership, what the configuration states: it is in force whatever was claimed. */
  readonly stated: { readonly [Name in keyof Ownership]: Ownership[Name] | null }
  /** The secret of the claim. Empty: there is none. */
  readonly claim: string
  readonly signingAlgorithm: OwnAlgorithm
  readonly maxProbeRequests: number
  readonly recordDelayMs: number
  /** Of receivers, by their id. */
  readonly webhookSecrets: ReadonlyMap<string, string>
  /** Hex SHA-256 of the keys of scrapers, which may read the metrics. */
  readonly scrapeKeys: ReadonlySet<string>
  /** By their names in sinks.yaml. */
  readonly sinkSecrets: ReadonlyMap<string, string>
  /** By the `id` of an issuer. */
  readonly signInSecrets: ReadonlyMap<string, string>
  /** Loopback issuers may be fetched. */
  readonly local: boolean
  /** Sinks and receivers may be on loopback, without TLS. */
  readonly sendsToLoopback: boolean
}

export interface Config extends Omit<Settings, "stated" | "claim">, Ownership {}

/** Nobody has claimed the deployment yet, or this isolate has not learnt of it (bundles/ownership.ts). */
export class OwnerUnknown extends Error {
  override readonly name = "OwnerUnknown"
}

let parsed: { readonly from: unknown; readonly settings: Settings; readonly config: Config | null } | undefined
let claimed: Ownership | null = null

/** @throws OwnerUnknown */
export function configOf(env: Env): Config {
  if (parsed?.from === env && parsed.config) return parsed.config
  const settings = settingsOf(env)
  const { stated, claim: _secret, ...others } = settings
  const issuer = stated.issuer ?? claimed?.issuer
  const publisherKeys = stated.publisherKeys ?? claimed?.publisherKeys
  if (issuer === undefined || publisherKeys === undefined) throw new OwnerUnknown("this deployment has no owner yet")
  const config = { ...others, issuer, publisherKeys }
  parsed = { from: env, settings, config }
  return config
}

/** Whether this isolate knows whose it is, as nearly every request finds it. */
export function isOwned(): boolean {
  return (parsed?.config ?? null) !== null
}

/** The isolate learns what was claimed. */
export function keepOwnership(ownership: Ownership): void {
  claimed = ownership
}

/** For tests: the state of a fresh isolate. */
export function forgetOwnership(): void {
  claimed = null
  parsed = undefined
}

/** Reads no other setting, so that a Worker with malformed settings, which denies everything, still answers `/healthz`. */
export function loopbackOf(env: object): LoopbackAccess {
  const isSet = (name: string): boolean => Reflect.get(env, name) === "true"
  return loopbackAccess({ local: isSet("LOCAL"), sendsToLoopback: isSet("SEND_TO_LOOPBACK") })
}

/** The settings of a deployment that may have no owner yet. */
export function settingsOf(env: Env): Settings {
  if (parsed?.from === env) return parsed.settings
  const read = variables.parse(env)
  const settings = {
    stated: { issuer: read.ISSUER === "" ? null : read.ISSUER, publisherKeys: read.PUBLISHER_KEYS },
    claim: read.CLAIM,
    signingAlgorithm: read.SIGNING_ALGORITHM,
    maxProbeRequests: read.MAX_PROBE_REQUESTS,
    recordDelayMs: read.RECORD_DELAY_SECONDS * 1_000,
    webhookSecrets: read.WEBHOOK_SECRETS,
    sinkSecrets: read.SINK_SECRETS,
    signInSecrets: read.SIGN_IN_SECRETS,
    scrapeKeys: read.SCRAPE_KEYS_SHA256,
    local: read.LOCAL === "true",
    sendsToLoopback: read.LOCAL === "true" || read.SEND_TO_LOOPBACK === "true",
  }
  parsed = { from: env, settings, config: null }
  return settings
}
