/** How Transaction Tokens are verified. */
import type { ReplayStore } from "./replays.ts"

/** What Narrowgate can sign with. */
export type SigningAlgorithm = "ES256" | "EdDSA"

export interface TokenOptions {
  /** Narrowgate's public URL, exactly as in its metadata: the `iss` of its tokens, below which its keys are. */
  readonly issuer: string
  /** The service's own trust domain: `transaction_tokens.audience` of its gateway. */
  readonly audience: string
  /** Default: both. */
  readonly algorithms?: readonly SigningAlgorithm[]
  /** By how many seconds the clocks may differ: 5 by default, at most 60. */
  readonly clockTolerance?: number
  /** Each decision is accepted once. A gateway that sends a request again is rejected then. Default: not checked. */
  readonly replays?: ReplayStore
  /** Fetches the keys. Default: the global `fetch`. */
  readonly fetch?: FetchKeys
}

/** Fetches the keys: the global `fetch`, or that of a service binding. */
export type FetchKeys = (url: string, init: KeyRequest) => Promise<Response>

export interface KeyRequest {
  readonly method: "GET"
  readonly redirect: "manual"
  readonly signal: AbortSignal
}
