/** `issuers.yaml`: who vouches for people and for workloads, and what of their tokens is taken for what. */
import type { ExactClaims, PersonClaims } from "./claims.ts"
import type { KeySource } from "./keys.ts"

export interface IssuerDefinition {
  readonly id: string
  /** Exact `iss`; for a SPIFFE trust domain, whose JWT-SVIDs need no `iss`, absent. */
  readonly issuer?: string
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  /** Its tokens may stand for a user. */
  readonly users?: {
    /** Audiences of access tokens made for us. */
    readonly audiences: readonly string[]
    /** Clients (`azp`/`client_id`, `aud` of ID tokens) whose sessions are taken. */
    readonly clients: readonly string[]
    readonly access_token: {
      /** Header `typ` of its access tokens; `none`: they have none. */
      readonly type: "at+jwt" | "JWT" | "none"
      /** Claim that names the client it was issued to. */
      readonly client_claim: string
      /** Claims that must have exactly this value. */
      readonly require: ExactClaims
      /** Claims that it must not have: what marks the token of an app itself, without a person. */
      readonly absent: readonly string[]
    }
    readonly id_token: { readonly require: ExactClaims }
    readonly claims: PersonClaims
  }
  /**
   * It may assert to us who works on whose behalf (ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant): the
   * session itself stays where it is.
   */
  readonly assertions?: {
    /** Agent by the `client_id` that the issuer knows it by; any other `client_id` is the agent's own id. */
    readonly clients: Readonly<Record<string, string>>
    /** Claims that must have exactly this value; the only way in which a `tenant` is accepted. */
    readonly require: ExactClaims
    readonly claims: PersonClaims
    /**
     * How long the person's session is taken to last, seconds from `iat`: an assertion says when it ends itself, not
     * that.
     */
    readonly life: number
  }
  /** Its tokens stand for workloads (GitHub Actions, Kubernetes …): which, the agents' `identities` say. */
  readonly workloads?: Readonly<Record<string, never>>
  /** A token is exchanged once (by its `jti`). */
  readonly single_use?: boolean
  /** Longest that a token of it may be made for, seconds; absent: what is fit for its kind. */
  readonly max_life?: number
  /** Its JWT-SVIDs stand for workloads of this SPIFFE trust domain. */
  readonly trust_domain?: string
  /**
   * Its access tokens may stand for operators: those for our own URL, given to one of these clients, none of which may
   * be one of `users.clients`. The token that a person's app hands to an agent must not manage.
   */
  readonly operators?: { readonly clients: readonly string[] }
  /** Its people may sign in to our own pages (src/web/sign-in.tsx). */
  readonly sign_in?: {
    /** Our client there, one of `operators.clients`. */
    readonly client: string
    readonly scope: string
    /** The parameter that asks it for an access token for our URL. */
    readonly resource: "resource" | "audience" | "none"
  }
}
