/** Where an issuer's metadata and public keys are. */
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"

/** OpenID Connect Discovery 1.0, section 4. Null: its keys are elsewhere, or in the policies. */
export function documentUrl({ issuer, keys }: Pick<IssuerDefinition, "issuer" | "keys">): string | null {
  if (keys.kind === "inline") return null
  if (keys.kind !== "discovery") return keys.uri
  return `${(issuer ?? "").replace(/\/$/u, "")}/.well-known/openid-configuration`
}
