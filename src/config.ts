/** env → typed configuration, parsed once an isolate. A Worker that is misconfigured refuses every request. */
import { z } from "zod"

const jwks = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

const variables = z.object({
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
  /** Set by the local stack only: issuers may be on loopback, and bundles are looked for every second. */
  LOCAL: z.literal("true").optional(),
})

export interface Config {
  readonly issuer: string
  readonly publisherKeys: { readonly keys: readonly Record<string, unknown>[] }
  /** Loopback issuers may be fetched. */
  readonly local: boolean
}

let parsed: { readonly from: unknown; readonly config: Config } | undefined

export function configOf(env: Env): Config {
  if (parsed?.from === env) return parsed.config
  const { ISSUER, PUBLISHER_KEYS, LOCAL } = variables.parse(env)
  const config = { issuer: ISSUER, publisherKeys: PUBLISHER_KEYS, local: LOCAL === "true" }
  parsed = { from: env, config }
  return config
}
