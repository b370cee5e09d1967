/** The key to which a task's tokens are bound, and its proofs (RFC 9449). */
import type { CryptoKey } from "jose"

export interface KeyPair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

/**
 * `true`: a key that is made now and cannot be exported. `{ extractable: true }`: one that `save` contains. A key pair:
 * the caller's own, of `ES256` or `Ed25519`.
 */
export type BindingOption = boolean | { readonly extractable: true } | KeyPair
