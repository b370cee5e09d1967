/**
 * Stands where the identity providers of people and workloads stand: tokens by whatever issuers the policies trust, in
 * the very shape that each entry of issuers.yaml describes, signed by the key that the test build trusts for all of them.
 */
import { importJWK, SignJWT, type JWK } from "jose"
import type { AgentDefinition } from "../../src/core/policy/definition/agents.ts"
import { PLAIN_ACCESS_TOKEN, PLAIN_ID_TOKEN, type IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"
import { NarrowgateTestError } from "./error.ts"
import { refuseUnknown, USER } from "./options.ts"
import type { User, UserClaims } from "../types.ts"
import type { PolicyParts } from "./setup.ts"

export const ALGORITHM = "ES256"

/** Seconds; shorter where the policies allow no longer one. */
const SESSION_LIFE = 3_600
const IDENTITY_LIFE = 300

export interface SignedSession {
  readonly token: string
  readonly type: "urn:ietf:params:oauth:token-type:id_token" | "urn:ietf:params:oauth:token-type:access_token"
}

type Claims = Readonly<Record<string, unknown>>

export class Provider {
  readonly #policies: PolicyParts
  readonly #users: Readonly<Record<string, UserClaims>>
  readonly #jwk: JWK
  /** Narrowgate's own URL. */
  readonly #url: string

  constructor(policies: PolicyParts, users: Readonly<Record<string, UserClaims>>, jwk: JWK, url: string) {
    this.#policies = policies
    this.#users = users
    this.#jwk = jwk
    this.#url = url
  }

  /** @param now milliseconds */
  async session(user: User, now: number): Promise<SignedSession> {
    const person = this.#person(user)
    const issuer = this.#issuer("users", person.issuer)
    const { users } = issuer
    const [audience] = users.audiences
    const [client] = users.clients
    const claims = {
      ...this.#facts(person, issuer, now),
      ...times(now, Math.min(SESSION_LIFE, issuer.max_life ?? SESSION_LIFE)),
    }
    if (audience !== undefined && client !== undefined) {
      return {
        token: await this.#accessToken(claims, audience, client, issuer),
        type: "urn:ietf:params:oauth:token-type:access_token",
      }
    }
    const { require } = issuer.id_token ?? PLAIN_ID_TOKEN
    const token = await this.#sign({ ...require, ...claims, aud: client }, "JWT")
    return { token, type: "urn:ietf:params:oauth:token-type:id_token" }
  }

  /** The person's own token: they manage, and answer approvals, with it. */
  async person(user: User, now: number): Promise<string> {
    const person = this.#person(user)
    const issuer = this.#issuer("operators", person.issuer)
    const { clients, audiences = [this.#url] } = issuer.operators
    const claims = {
      ...this.#facts(person, issuer, now),
      ...times(now, Math.min(SESSION_LIFE, issuer.max_life ?? SESSION_LIFE)),
    }
    return this.#accessToken(claims, audiences[0] ?? this.#url, clients[0] ?? "", issuer)
  }

  async identity({ id, identities = [] }: AgentDefinition, now: number): Promise<string> {
    const base = { sub: id, aud: this.#url, ...times(now, IDENTITY_LIFE) }
    const domain = this.#policies.issuers.find(
      ({ trust_domain: name }) =>
        name !== undefined && (id === `spiffe://${name}` || id.startsWith(`spiffe://${name}/`)),
    )
    if (domain) return this.#sign({ ...base, ...(domain.issuer !== undefined && { iss: domain.issuer }) }, "JWT")
    const [identity] = identities
    if (!identity) throw new NarrowgateTestError("unknown_name", `nothing in the policies proves the identity of ${id}`)
    if (identity.kind === "private_key_jwt") return this.#sign({ ...base, iss: id }, "JWT")
    const issuer = this.#policies.issuers.find((each) => each.id === identity.issuer)
    return this.#sign({ ...identity.claims, ...base, iss: issuer?.issuer, sub: identity.subject }, "JWT")
  }

  #person(user: User): UserClaims & { readonly subject: string } {
    const { subject, ...claims } = typeof user === "string" ? { subject: user } : user
    refuseUnknown(`the user \`${subject}\``, claims, USER)
    return { ...this.#users[subject], ...claims, subject }
  }

  #issuer<Use extends "users" | "operators">(
    use: Use,
    id: string | undefined,
  ): IssuerDefinition & { readonly [Member in Use]: NonNullable<IssuerDefinition[Use]> } {
    const found = this.#policies.issuers.find(hasUse(use, id))
    if (found) return found
    throw new NarrowgateTestError(
      "unknown_name",
      `issuers.yaml has no issuer ${id === undefined ? "" : `\`${id}\` `}of ${use}`,
    )
  }

  #facts(
    { subject, groups, acr, authAge = 0, claims }: UserClaims & { readonly subject: string },
    issuer: IssuerDefinition,
    now: number,
  ): Claims {
    const paths = issuer.users?.claims
    const facts: Record<string, unknown> = { ...claims, iss: issuer.issuer, sub: subject }
    if (!paths) return facts
    setAt(facts, paths.subject, subject)
    if (groups !== undefined) setAt(facts, paths.groups, groups)
    if (acr !== undefined) setAt(facts, paths.acr, acr)
    setAt(facts, paths.auth_time, Math.floor(now / 1000) - authAge)
    return facts
  }

  async #accessToken(
    claims: Claims,
    audience: string,
    client: string,
    { access_token }: IssuerDefinition,
  ): Promise<string> {
    const { type, client_claim, require } = access_token ?? PLAIN_ACCESS_TOKEN
    return this.#sign(
      { ...require, ...claims, aud: audience, [client_claim]: client },
      type === "none" ? undefined : type,
    )
  }

  async #sign(claims: Claims, typ: string | undefined): Promise<string> {
    const key = await importJWK(this.#jwk, ALGORITHM)
    const header = { alg: ALGORITHM, kid: this.#jwk.kid ?? "", ...(typ !== undefined && { typ }) }
    return new SignJWT({ ...claims }).setProtectedHeader(header).sign(key)
  }
}

function times(now: number, life: number): Claims {
  const iat = Math.floor(now / 1000)
  return { iat, exp: iat + life, jti: crypto.randomUUID() }
}

function hasUse<Use extends "users" | "operators">(use: Use, id: string | undefined) {
  return (
    issuer: IssuerDefinition,
  ): issuer is IssuerDefinition & { readonly [Member in Use]: NonNullable<IssuerDefinition[Use]> } =>
    issuer[use] !== undefined && (id === undefined || issuer.id === id)
}

/** Claims may be nested. */
function setAt(claims: Record<string, unknown>, [first, ...rest]: readonly string[], value: unknown): void {
  if (first === undefined) return
  if (rest.length === 0) return void (claims[first] = value)
  const inner: Record<string, unknown> = { ...Object(claims[first] ?? {}) }
  setAt(inner, rest, value)
  claims[first] = inner
}
