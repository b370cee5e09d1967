/** The source of public keys. */
export type KeySource =
  | { readonly kind: "jwks_uri"; readonly uri: string }
  /** Of a SPIFFE trust domain (SPIFFE Trust Domain and Bundle, section 4). */
  | { readonly kind: "spiffe_bundle"; readonly uri: string }
  /** OpenID Connect Discovery, below the issuer's URL. */
  | { readonly kind: "discovery" }
  | { readonly kind: "inline"; readonly jwks: { readonly keys: readonly Record<string, unknown>[] } }
