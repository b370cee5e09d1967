/** The source of public keys. */
export type KeySource =
  | { readonly kind: "jwks_uri"; readonly uri: string }
  /** Of a SPIFFE trust domain (SPIFFE Trust Domain and Bundle, section 4). */
  | { readonly kind: "spiffe_bundle"; readonly uri: string }
  /** OpenID Connect Discovery, below the issuer's URL. */
  | { readonly kind: "discovery" }
  | { readonly kind: "inline"; readonly jwks: { readonly keys: readonly Record<string, unknown>[] } }

/** Where the metadata or the keys of an issuer are. Null: in the policies. */
export function documentUrl({ issuer, keys }: { readonly issuer?: string; readonly keys: KeySource }): string | null {
  if (keys.kind === "inline") return null
  if (keys.kind !== "discovery") return keys.uri
  return discoveryUrl(issuer ?? "")
}

/** OpenID Connect Discovery 1.0, section 4: the path is appended to the issuer. */
export function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/u, "")}/.well-known/openid-configuration`
}
