/** What a test build starts with, and how a test reaches it. */
import type { JWK } from "jose"
import type { PublisherKey } from "../../cli/compiler/sign.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { DecisionRecord, HttpResponse, RequestOptions, UserClaims } from "../types.ts"

/** What the Worker decides by: the value of its binding `NARROWGATE_TEST`, or what the test gives it before all else. */
export interface Setup extends Facts {
  /** The text of a bundle. */
  readonly bundle: string
  readonly digest: string
  /** Its publisher's key. */
  readonly publisher: PublisherKey
}

/** What the test itself needs of it. */
export interface Facts {
  /** The Worker's own URL. */
  readonly issuer: string
  readonly policies: PolicyParts
  /** The private key of every issuer and agent of the policies. */
  readonly identities: JWK
  /** Of each gateway and query client, by its id. */
  readonly keys: Readonly<Record<string, string>>
  /** Those whom tests name without saying more of them. */
  readonly users: Readonly<Record<string, UserClaims>>
}

/** The parts of a bundle that tests need to know. */
export type PolicyParts = Pick<
  BundleBody,
  "agents" | "gateways" | "issuers" | "queries" | "routes" | "servers" | "tools"
>

/** A call as a bound Worker describes it (dialect `worker`). */
export interface BoundCall {
  readonly key: string
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body: string | null
}

/** How a gateway is answered, whichever way it asks. */
export interface GatewayResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The entry point `TestKit` of the test build: everything that a test does is a request to one of these. Typed by its
 * structure, so that any version of the Workers' types fits.
 */
export interface TestKitBinding {
  /** The Worker's own HTTP endpoints. */
  readonly fetch: (url: string, init?: RequestOptions) => Promise<HttpResponse>
  readonly facts: () => Promise<Facts>
  /** Milliseconds since the epoch. */
  readonly now: () => Promise<number>
  /** Milliseconds; returns the time after it. */
  readonly advance: (milliseconds: number) => Promise<number>
  /** The records of a task, and those with these ids. */
  readonly records: (task: string, ids: readonly string[]) => Promise<readonly DecisionRecord[]>
  readonly authorize: (call: BoundCall) => Promise<GatewayResponse>
}
