/** `issuers.yaml`: the issuers of tokens for people and workloads, and what their tokens may be used for. */
import type { ExactClaims, PersonClaims } from "./claims.ts"
import type { KeySource } from "./keys.ts"

/**
 * An `iss` that can be configured: with the subject it makes the user's name, `issuer|subject`, so it has no `|`, and
 * nothing that looks like another.
 */
export const ISSUER_NAME = /^[\x21-\x7b\x7d\x7e]+$/u

/** The claims that name the client to which a token was issued: each provider has one of them. */
export const CLIENT_CLAIMS = ["client_id", "azp", "cid", "appid"] as const

export interface AccessTokenShape {
  /** Header `typ`; `none`: they have none. */
  readonly type: "at+jwt" | "JWT" | "none"
  /** Claim that names the client it was issued to. */
  readonly client_claim: (typeof CLIENT_CLAIMS)[number]
  /** Claims that must have exactly this value. */
  readonly require: ExactClaims
  /** Claims that it must not have, because they mark the token of an app itself, without a person. */
  readonly absent: readonly string[]
}

export interface IdTokenShape {
  readonly require: ExactClaims
  /** Claims that it must not have, because they mark an access token. */
  readonly absent: readonly string[]
}

/** RFC 9068, section 2. */
export const PLAIN_ACCESS_TOKEN = {
  type: "at+jwt",
  client_claim: "client_id",
  require: {},
  absent: [],
} as const satisfies AccessTokenShape

/** Without the claims by which providers mark access tokens: no ID token has one of them (OpenID Connect Core 1.0, 2). */
export const PLAIN_ID_TOKEN = {
  require: {},
  absent: ["client_id", "cid", "appid", "appidacr", "azpacr", "scp"],
} satisfies IdTokenShape

export interface IssuerDefinition {
  readonly id: string
  /** Exact `iss`. Absent for a SPIFFE trust domain, whose JWT-SVIDs need no `iss`. */
  readonly issuer?: string
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  /** How its access tokens look, whatever they are accepted for. Absent: as RFC 9068 has them. */
  readonly access_token?: AccessTokenShape
  /** How its ID tokens look. Absent: as OpenID Connect has them. */
  readonly id_token?: IdTokenShape
  /** Its tokens may identify a user. */
  readonly users?: {
    /** Audiences of access tokens made for us. */
    readonly audiences: readonly string[]
    /** Clients (`azp`/`client_id`, `aud` of ID tokens) whose sessions are accepted. */
    readonly clients: readonly string[]
    readonly claims: PersonClaims
  }
  /**
   * It may assert to us which agent works on whose behalf (ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant):
   * the session itself stays with the issuer.
   */
  readonly assertions?: {
    /** Agent by the `client_id` that the issuer uses for it; any other `client_id` is the agent's own id. */
    readonly clients: Readonly<Record<string, string>>
    /** Claims that must have exactly this value; the only way in which a `tenant` is accepted. */
    readonly require: ExactClaims
    readonly claims: PersonClaims
    /**
     * The assumed length of the person's session, seconds from `iat`: an assertion contains its own end, not the
     * session's.
     */
    readonly life: number
  }
  /** Its tokens identify workloads (GitHub Actions, Kubernetes …), as the agents' `identities` define. */
  readonly workloads?: {
    /** Audiences that such a token may have besides our own URL. Their owners could use it here. Absent: none. */
    readonly other_audiences?: readonly string[]
  }
  /** A token is exchanged once (by its `jti`). */
  readonly single_use?: boolean
  /** The longest life of its tokens, seconds. Absent: the default of their kind. */
  readonly max_life?: number
  /** Its JWT-SVIDs identify workloads of this SPIFFE trust domain. */
  readonly trust_domain?: string
  /**
   * Its tokens may identify operators, and people who answer for themselves: those issued to one of these clients, none
   * of which may be one of `users.clients`. The token that a person's app passes to an agent must not manage.
   */
  readonly operators?: {
    readonly clients: readonly string[]
    /** Audiences of access tokens made for us. Absent: our own URL. */
    readonly audiences?: readonly string[]
    /** Audiences that such a token may have besides. Their owners could use it here. Absent: none. */
    readonly other_audiences?: readonly string[]
  }
  /** Its people may sign in to our own pages (src/web/sign-in.tsx). */
  readonly sign_in?: {
    /** Our client there, one of `operators.clients`. */
    readonly client: string
    readonly scope: string
    /** By which of the tokens of a sign-in a person is known. */
    readonly token: "id_token" | "access_token"
    /** The parameter that requests an access token for our URL. */
    readonly resource: "resource" | "audience" | "none"
  }
}
