/** Where the proof of an agent's identity comes from. Each returns a JWT whose audience is the issuer. */
import type { CryptoKey, JWK } from "jose"

export interface IdentityRequest {
  /** The issuer, for which the token must be. */
  readonly audience: string
  /** Aborted when the time for it is over. */
  readonly signal: AbortSignal
  /** Milliseconds since the epoch, by the issuer's clock as far as it is known. */
  readonly now: number
}

/** Called for each request to the issuer, because some proofs are used once. */
export type Identity = (request: IdentityRequest) => string | Promise<string>

export interface PrivateKeyOptions {
  /** The id of the agent in agents.yaml. */
  readonly agent: string
  /** A private JWK, or a key that signs by `alg`. */
  readonly key: JWK | CryptoKey
  /** Absent: that of the JWK. */
  readonly alg?: string
  readonly kid?: string
}

/** A JWT in a file that something else keeps fresh, such as a JWT-SVID by `spiffe-helper`. Read again when it is needed. */
export declare function fromFile(path: string): Identity
/** The token of a projected volume (`serviceAccountToken`), with the issuer as its `audience`. */
export declare function fromKubernetes(path?: string): Identity
/** The workflow's OIDC token; the job has `permissions: { id-token: write }`. */
export declare function fromGitHubActions(): Identity
/** The agent's own assertion (`private_key_jwt`, RFC 7523), signed by a key that agents.yaml registers. */
export declare function fromPrivateKey(options: PrivateKeyOptions): Identity
