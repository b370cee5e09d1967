/** Narrowgate as its agents see it: metadata (RFC 8414), the token endpoint, and the API of a task. */
import {
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  genericTokenEndpointRequest,
  processDiscoveryResponse,
  processGenericTokenEndpointResponse,
  type AuthorizationServer,
} from "oauth4webapi"
import { boundedFetch, requireSecure, type Reach } from "./bounded-fetch.ts"
import { Clock } from "./clock.ts"
import { ConsentRequiredError, NarrowgateError, type OAuthRefusal } from "./errors.ts"
import { identityProof, type Identity } from "./identities.ts"
import { claimsOf, definedOf, isObject, isToken, parsed, secondsIn, textAt } from "./json.ts"
import type { ProofKey } from "./proof-key.ts"

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
const CLIENT_CREDENTIALS = "client_credentials"
const CIBA = "urn:openid:params:grant-type:ciba"
const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
export const TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"

export type Grant = typeof TOKEN_EXCHANGE | typeof JWT_BEARER | typeof CLIENT_CREDENTIALS | typeof CIBA
export const GRANT = {
  exchange: TOKEN_EXCHANGE,
  assertion: JWT_BEARER,
  own: CLIENT_CREDENTIALS,
  consent: CIBA,
} as const satisfies Readonly<Record<string, Grant>>

export interface TokenRequest {
  readonly grant: Grant
  readonly parameters: Readonly<Record<string, string | undefined>>
}

export interface IssuedToken {
  readonly token: string
  readonly task: string
  readonly purpose: string
  readonly scope: string
  /** Milliseconds since the epoch by this machine's clock, by which it was requested. */
  readonly from: number
  readonly expiresAt: number
}

/** The metadata and the clocks of issuers by URL; a process uses few. */
const CACHE = new Map<
  string,
  { readonly metadata: AuthorizationServer; readonly clock: Clock; readonly until: number }
>()
/** Milliseconds. */
const METADATA_LIFE = 300_000
const MOST_CACHED = 64

export class Issuer {
  /** As its metadata has it. */
  readonly id: string
  readonly clock: Clock
  readonly reach: Reach
  readonly metadata: AuthorizationServer
  readonly #identity: Identity

  private constructor(metadata: AuthorizationServer, clock: Clock, identity: Identity, reach: Reach) {
    this.id = metadata.issuer
    this.metadata = metadata
    this.clock = clock
    this.#identity = identity
    this.reach = reach
  }

  /** @throws {NarrowgateError} `issuer_unreachable`, `issuer_invalid`, `insecure_url` */
  static async at(issuer: string, identity: Identity, reach: Reach): Promise<Issuer> {
    const url = urlOf(issuer)
    requireSecure(url, reach.allowHttp)
    const cached = CACHE.get(url.href)
    const clock = cached?.clock ?? new Clock()
    const isFresh = cached !== undefined && cached.until > Date.now()
    const metadata = isFresh ? cached.metadata : await discovered(url, reach)
    // Of cached metadata too: another caller may allow what this one does not.
    requireSecureEndpoint(metadata.issuer, metadata.token_endpoint ?? "", reach)
    if (!isFresh) {
      if (CACHE.size >= MOST_CACHED) CACHE.clear()
      CACHE.set(url.href, { metadata, clock, until: Date.now() + METADATA_LIFE })
    }
    return new Issuer(metadata, clock, identity, reach)
  }

  /** As another agent sees it. */
  as(identity: Identity): Issuer {
    return new Issuer(this.metadata, this.clock, identity, this.reach)
  }

  /** Without the signal that ends only the opening. */
  afterwards(): Issuer {
    return new Issuer(this.metadata, this.clock, this.#identity, { ...this.reach, signal: undefined })
  }

  get tokenEndpoint(): URL {
    return new URL(this.metadata.token_endpoint ?? "")
  }

  /** The agent's proof, for this issuer. @throws {NarrowgateError} `identity_failed` */
  async assertion(): Promise<{ readonly client_assertion: string; readonly client_assertion_type: string }> {
    const client_assertion = await identityProof(this.#identity, this.id, this.clock.now(), this.reach)
    return { client_assertion, client_assertion_type: ASSERTION_TYPE }
  }

  /** @throws {NarrowgateError} `identity_failed`, `issuer_unreachable`, `issuer_invalid`, `token_refused` */
  async request(request: TokenRequest, key: ProofKey | null): Promise<IssuedToken> {
    const answer = await this.#post(request, key)
    // Only the answer shows that this machine's clock is off, and then all proofs have a wrong time.
    const isOff = this.clock.adjustBy(answer)
    const isRefused = answer.status === 400 || answer.status === 401
    return this.#issued(isOff && isRefused ? await this.#post(request, key) : answer, key)
  }

  /**
   * Requests the consent of a user who is elsewhere (OpenID CIBA Core, section 7).
   *
   * @returns with seconds
   * @throws {NarrowgateError} those of `request`
   */
  async requestConsent(parameters: Readonly<Record<string, string>>) {
    const url = this.metadata.backchannel_authentication_endpoint ?? ""
    requireSecureEndpoint(this.id, url, this.reach)
    const form = new URLSearchParams({ ...parameters, ...(await this.assertion()) })
    const answer = await boundedFetch(url, { method: "POST", body: form }, this.reach)
    if (answer.status !== 200) throw await refusalOf(this.metadata, answer)
    const json = parsed(await answer.text())
    const { expires_in: life, interval = 5 } = isObject(json) ? json : {}
    const id = textAt(json, "auth_req_id") ?? ""
    const [task] = /^tsk_\w+/.exec(id) ?? []
    if (task === undefined || typeof life !== "number" || typeof interval !== "number")
      throw invalid(this.id, "its answer names no request")
    return { id, task, life, interval }
  }

  async #post({ grant, parameters }: TokenRequest, key: ProofKey | null): Promise<Response> {
    const assertion = await this.assertion()
    const now = this.clock.now()
    const headers: Record<string, string> = key
      ? { dpop: await key.prove({ method: "POST", url: this.tokenEndpoint, now }) }
      : {}
    return genericTokenEndpointRequest(
      this.metadata,
      CLIENT,
      (_server, _client, body) => {
        for (const [name, value] of Object.entries(assertion)) body.set(name, value)
      },
      grant,
      definedOf(parameters),
      { headers, ...throughReach(this.reach) },
    )
  }

  async #issued(answer: Response, key: ProofKey | null): Promise<IssuedToken> {
    const from = Date.now()
    if (answer.status !== 200) throw await refusalOf(this.metadata, answer)
    const body = await processGenericTokenEndpointResponse(this.metadata, CLIENT, answer).catch(() => {
      // The cause would contain the token.
      throw invalid(this.id, "its answer is no token")
    })
    const { access_token: token, token_type: type, expires_in: life, scope = "" } = body
    const { task, purpose } = body
    if (!isToken(token)) throw invalid(this.id, "its answer is no token")
    if (typeof task !== "string" || typeof purpose !== "string" || life === undefined)
      throw invalid(this.id, "its answer names no task")
    // A token that is bound to no key although one was proven would be worth as much to a thief.
    if ((type === "dpop") !== (key !== null)) throw invalid(this.id, "the token is not bound as it was requested")
    const issuedAt = claimsOf(token)?.["iat"]
    if (typeof issuedAt === "number") this.clock.adjust(issuedAt * 1000)
    return { token, task, purpose, scope, from, expiresAt: from + life * 1000 }
  }
}

/** Its id is not sent: the assertion says who the client is. */
const CLIENT = { client_id: "agent" }

function urlOf(issuer: string): URL {
  try {
    return new URL(issuer)
  } catch (cause) {
    throw new NarrowgateError("issuer_invalid", "the issuer is no URL", { cause })
  }
}

async function discovered(url: URL, reach: Reach): Promise<AuthorizationServer> {
  const response = await discoveryRequest(url, { algorithm: "oauth2", ...throughReach(reach) })
  if (response.status >= 500)
    throw new NarrowgateError("issuer_unreachable", `${url.origin} answered ${response.status}`)
  return processDiscoveryResponse(url, response).catch((thrown: unknown) => {
    throw invalid(url.origin, "it has no metadata of that very issuer (RFC 8414)", thrown)
  })
}

function requireSecureEndpoint(issuer: string, endpoint: string, { allowHttp }: Reach): void {
  try {
    requireSecure(new URL(endpoint), allowHttp)
  } catch (thrown) {
    throw invalid(issuer, "its metadata has no endpoint that can be used", thrown)
  }
}

const throughReach = (reach: Reach) => ({
  [customFetch]: async (url: string, init: object): Promise<Response> => boundedFetch(url, init, reach),
  // Checked already, with the exception that the caller has made.
  [allowInsecureRequests]: true,
})

const invalid = (issuer: string, what: string, cause?: unknown): NarrowgateError =>
  new NarrowgateError("issuer_invalid", `${issuer}: ${what}`, cause === undefined ? {} : { cause })

async function refusalOf(metadata: AuthorizationServer, answer: Response): Promise<NarrowgateError> {
  const { issuer } = metadata
  const { headers, status } = answer
  const body = parsed(await answer.text())
  const error = textAt(body, "error")
  if (error === undefined) {
    if (status >= 500) return new NarrowgateError("issuer_unreachable", `${issuer} answered ${status}`)
    return invalid(issuer, `its token endpoint answered ${status}, and not as OAuth has it`)
  }
  const description = textAt(body, "error_description")
  const decision = headers.get("x-narrowgate-decision") ?? textAt(body, "decision_id")
  const retryAfter = secondsIn(headers.get("retry-after"))
  const refusal: OAuthRefusal = definedOf({ error, status, description, decision, retryAfter })
  const scope = textAt(body, "scope")
  if (error === "consent_required" && scope !== undefined) {
    const authorizationEndpoint = metadata.authorization_endpoint
    const backchannelEndpoint = metadata.backchannel_authentication_endpoint
    return new ConsentRequiredError(refusal, definedOf({ scope, authorizationEndpoint, backchannelEndpoint }))
  }
  const record = decision === undefined ? "" : ` (decision ${decision})`
  return new NarrowgateError("token_refused", `no token: ${error}: ${description ?? "no reason is given"}${record}`, {
    refusal,
  })
}
