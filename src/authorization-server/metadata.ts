/** Metadata documents: authorization server (RFC 8414) and protected resources (RFC 9728). */
import { resourceOf } from "../core/policy/resource.ts"
import { isSameResource } from "../core/encoding/url.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { offeredScopes, scopesAt } from "../core/task/offered-scopes.ts"
import { ALGORITHMS, OWN_ALGORITHMS } from "../core/keys/algorithm.ts"
import { PROOF_ALGORITHMS } from "../credentials/dpop.ts"
import { GRANTS } from "./token/grant-types.ts"

/**
 * draft-ietf-oauth-spiffe-client-auth: the agent's JWT-SVID as client assertion; RFC 7523: one that it signs itself.
 */
const AUTH_METHODS = ["spiffe_jwt", "private_key_jwt"]
/** A public client may redeem a user's consent, and revoke the tokens of it, without authenticating. */
const CLIENT_AUTH_METHODS = [...AUTH_METHODS, "none"]

/** @param bundle null if none can be loaded: what does not depend on it is served nevertheless */
export function authorizationServer(issuer: string, bundle: Bundle | null): Record<string, unknown> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    token_endpoint: `${issuer}/oauth/token`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: AUTH_METHODS,
    introspection_endpoint_auth_signing_alg_values_supported: Object.keys(ALGORITHMS),
    backchannel_authentication_endpoint: `${issuer}/oauth/bc-authorize`,
    backchannel_token_delivery_modes_supported: ["poll"],
    backchannel_user_code_parameter_supported: false,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: Object.keys(ALGORITHMS),
    ...(bundle?.registration && { registration_endpoint: `${issuer}/oauth/register` }),
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: [...GRANTS.keys()],
    // draft-ietf-oauth-identity-assertion-authz-grant: of RFC 7523's assertions those, and no others.
    authorization_grant_profiles_supported: ["urn:ietf:params:oauth:grant-profile:id-jag"],
    token_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: Object.keys(ALGORITHMS),
    dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
    authorization_details_types_supported: ["narrowgate_call"],
    access_token_signing_alg_values_supported: OWN_ALGORITHMS,
    ...scopesMember(bundle ? [...offeredScopes(bundle).values()].flat() : []),
  }
}

/** Which document: what follows the gateway's id is the path of a resource at one of its origins. */
export interface ResourceQuery {
  /** Id of a gateway. */
  readonly gateway: string
  /** With a slash in front, unless it is empty. */
  readonly path: string
  /** Null: the gateway's first. */
  readonly origin: string | null
}

/**
 * The document of the MCP server at that path or, without one there, of the gateway's audience. Null if there is none.
 */
export function protectedResource(
  query: ResourceQuery,
  bundle: Bundle,
  issuer: string,
): Record<string, unknown> | null {
  const gateway = [...bundle.gateways.values()].find(({ id }) => id === query.gateway)
  const origin = query.origin ?? gateway?.origins[0]
  if (!gateway || origin === undefined || !gateway.origins.includes(origin)) return null
  const server = bundle.catalog.servers.get(origin + (query.path === "" ? "/" : query.path))
  const shared = {
    authorization_servers: [issuer],
    bearer_methods_supported: ["header"],
    dpop_signing_alg_values_supported: PROOF_ALGORITHMS,
  }
  if (server) {
    const scopes = scopesMember(offeredScopes(bundle).get(server.name) ?? [])
    return { resource: resourceOf(server), resource_name: server.name, ...shared, ...scopes }
  }
  if (query.path !== "" && !isSameResource(gateway.audience, origin + query.path)) return null
  return { resource: gateway.audience, ...shared, ...scopesMember(scopesAt(gateway.origins, bundle)) }
}

/** RFC 8414, section 3.2, and RFC 9728, section 3.2: a member without elements is left out. */
const scopesMember = (scopes: readonly string[]): { readonly scopes_supported?: readonly string[] } =>
  scopes.length === 0 ? {} : { scopes_supported: scopes }
