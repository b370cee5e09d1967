/** The authorization server: OAuth 2.1 with RFC 7009, 7662, 8693 and CIBA. */
import {
  headers,
  errorAnswer,
  html,
  inPath,
  json,
  unforeseen,
  type Answer,
  type Operation,
  type Parameter,
  type Paths,
} from "./operation.ts"
import { LOOPBACK_ACCESS } from "../../src/core/policy/destinations.ts"
import { OAUTH_CODES } from "../../src/core/denials/oauth/reason.ts"
import { grantedDetails } from "../../src/api/contract/tasks.ts"
import { boolean, list, integer, object, oneOf, open, openObject, schemaOf, text, type Schema } from "./schema.ts"

const form = (members: Readonly<Record<string, Schema>>): NonNullable<Operation["requestBody"]> => ({
  required: true,
  content: { "application/x-www-form-urlencoded": { schema: openObject(members) } },
})

const client = {
  "client_assertion?": text("The agent's proof of its identity."),
  "client_assertion_type?": text("`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, or `…:jwt-spiffe`."),
  "actor_token?": text("The agent's proof, in place of an assertion."),
  "actor_token_type?": text("`urn:ietf:params:oauth:token-type:jwt`."),
  "client_id?": text("The agent's id."),
}
/** RFC 7009, section 2.1; RFC 7662, section 2.1. */
const presented = { token: text(), "token_type_hint?": text("Not read.") }
const grant = {
  "scope?": text("Scopes, separated by spaces; absent: the purpose's default."),
  "authorization_details?": text("RFC 9396, as JSON, in place of `scope`."),
  "purpose?": text("Absent: the agent's first."),
  "audience?": { anyOf: [text("As `resource`."), list(text())] },
  "resource?": {
    anyOf: [text("An audience, a URL below it, or the URL of an MCP server behind its gateways."), list(text())],
  },
}

/** The error of RFC 6749, section 5.2, of each status. */
const codesOf = (status: number): readonly string[] =>
  Object.entries(OAUTH_CODES).flatMap(([code, own]) => (own === status ? [code] : []))
const errors: Readonly<Record<string, Answer>> = {
  "400": errorAnswer(400, codesOf(400), "The request is not granted: RFC 6749, section 5.2."),
  "401": errorAnswer(401, codesOf(401), "The agent is not proven.", { headers: ["WWW-Authenticate"] }),
  "429": errorAnswer(
    429,
    codesOf(429),
    "The agent has too many task trees open, or opened them too fast; or too many clients register.",
  ),
  "503": errorAnswer(503, [...codesOf(503), "unavailable"], "Something that decides this is unavailable."),
}

const notIssued = errorAnswer(400, codesOf(400), "No token is issued: RFC 6749, section 5.2.", {
  members: { "scope?": text("Of `consent_required`: the scopes for which consent is required.") },
})

const ofGateway = errorAnswer(403, ["unknown_gateway"], "The request has the header `X-Narrowgate-Key`.", {
  headers: ["X-Narrowgate-Status"],
})
const missing: Answer = {
  description: "There is no such document.",
  content: json(object({ error: { const: "not_found" }, error_description: text() })),
}

/** A bundle, by its number. */
const POINTER = object({ seq: integer(), digest: text() })
const details = list(schemaOf(grantedDetails(), "output"))
const issued = object({
  access_token: text(),
  token_type: oneOf(["Bearer", "DPoP"]),
  expires_in: integer("Seconds."),
  limited_by: oneOf(
    ["agent_life", "task", "session"],
    "What ends the token then: the `life` of its agent, its task, or the session that was brought.",
  ),
  task_expires_in: integer("Seconds until the task ends."),
  task_limited_by: oneOf(
    ["purpose_life", "consent", "parent", "session"],
    "What ends the task then: the `life` of its purpose, what its user consented to, its parent, or the session of its user.",
  ),
  "refresh_token?": text(),
  scope: text("What was granted."),
  task: text(),
  purpose: text(),
  "authorization_details?": details,
  "issued_token_type?": text("Of an exchange."),
})
const claims = object({
  active: { const: true },
  iss: text(),
  sub: text("`issuer|subject` of the user, or the agent."),
  aud: text(),
  client_id: text(),
  "act?": open("RFC 8693, section 4.1."),
  task: text(),
  purpose: text(),
  scope: text(),
  "authorization_details?": details,
  iat: integer("Seconds since the epoch."),
  exp: integer("Seconds since the epoch."),
  "nbf?": integer("Seconds since the epoch."),
  jti: text(),
  token_type: oneOf(["Bearer", "DPoP"]),
  "cnf?": object({ jkt: text() }),
  "user?": open(),
  "since?": integer("Seconds since the epoch: when the authority was given that it stands for."),
})

function operation(
  operationId: string,
  summary: string,
  description: string,
  requestBody: Operation["requestBody"],
  answer: Answer,
): { readonly post: Operation } {
  const dpop: Parameter = { name: "DPoP", in: "header", description: "RFC 9449.", schema: { type: "string" } }
  return {
    post: {
      operationId,
      tags: ["oauth"],
      summary,
      description,
      security: [{}],
      ...(operationId === "token" && { parameters: [dpop] }),
      ...(requestBody && { requestBody }),
      responses: { "200": answer, ...errors, ...(operationId === "token" && { "400": notIssued }) },
    },
  }
}

const done = (description: string, schema: Schema): Answer => ({
  description,
  headers: headers("X-Narrowgate-Decision"),
  content: json(schema),
})

const query = (name: string, description: string, required = false): Parameter => ({
  name,
  in: "query",
  required,
  description,
  schema: { type: "string" },
})

const page = (description: string): Answer => ({ description, content: html })
const authorizationAnswers: Readonly<Record<string, Answer>> = {
  "200": page("The page that asks the person."),
  "204": { description: "To a prefetch, or to HEAD: nothing was done." },
  "303": {
    description: "Redirects to the client with `code` or `error`, or to the sign-in.",
    headers: headers("Location", "Referrer-Policy", "X-Narrowgate-Decision?"),
  },
  "400": page("Something is wrong with the client, its redirect URI, or what was sent."),
  "403": page("The person may not allow it, or the answer did not come from our page."),
  "429": page("Too many requests."),
  "503": {
    ...page("Something that decides this is unavailable; JSON if nothing could be decided at all."),
    headers: headers("Retry-After?"),
    content: { ...html, ...unforeseen.content },
  },
}
const authorizationParameters: readonly Parameter[] = [
  query("client_id", "Id of an agent with a `client`.", true),
  query("redirect_uri", "One of the client's; needed if it has several."),
  query("response_type", "`code`.", true),
  query("code_challenge", "RFC 7636.", true),
  query("code_challenge_method", "`S256`.", true),
  query("state", "Sent back as it is."),
  query("scope", "Scopes, separated by spaces."),
  query("authorization_details", "RFC 9396, as JSON."),
  query("purpose", "Absent: the agent's first."),
  query("resource", "The audience of the gateways."),
  query("dpop_jkt", "Thumbprint of the key that the token is to be bound to."),
  query("response_mode", "`query`."),
]
const authorization = (operationId: string, summary: string, description: string): Operation => ({
  operationId,
  tags: ["oauth"],
  summary,
  description,
  security: [{ session: [] }],
  parameters: authorizationParameters,
  responses: authorizationAnswers,
})

export const oauthPaths: Paths = {
  "/oauth/token": operation(
    "token",
    "Issues a delegation token.",
    "By token exchange (RFC 8693), an ID-JAG, an authorization code, a refresh token, or CIBA; `grant_type` says which. It opens a task, or renews the token of one.",
    form({
      grant_type: text(),
      ...client,
      "subject_token?": text("The user's session, or a delegation token."),
      "subject_token_type?": text(),
      "requested_token_type?": text(),
      "assertion?": text("The ID-JAG."),
      ...grant,
      "handover?": text("Shows that the key of a bound token agrees to its hand-over."),
      "task?": text("A live task, for which the subject is a fresher session."),
      "auth_req_id?": text("CIBA."),
      "code?": text(),
      "code_verifier?": text(),
      "redirect_uri?": text(),
      "refresh_token?": text(),
    }),
    done("The token.", issued),
  ),
  "/oauth/authorize": {
    get: authorization(
      "authorizePage",
      "Asks a person at their browser for their consent to a task.",
      "The authorization code flow with PKCE, for agents whose entry in `agents.yaml` has a `client`.",
    ),
    post: authorization(
      "authorizeAnswer",
      "Takes the answer of that page.",
      "Only our own page can send it. An answer that counts sends the browser back to the client.",
    ),
  },
  "/oauth/bc-authorize": operation(
    "backchannelAuthorize",
    "Asks a person who is elsewhere for their consent to a task (CIBA, poll mode).",
    "The person answers in the console or at `/v1/approvals`. Meanwhile the agent polls the token endpoint with `auth_req_id`.",
    form({
      ...client,
      ...grant,
      "login_hint?": text("Issuer and subject, joined by `|`."),
      "id_token_hint?": text(),
      "binding_message?": text("One line of at most 100 characters that the person is shown."),
      "requested_expiry?": text("Seconds, at most 600."),
    }),
    done(
      "The request that the agent polls with.",
      object({ auth_req_id: text(), expires_in: integer("Seconds."), interval: integer("Seconds.") }),
    ),
  ),
  "/oauth/introspect": operation(
    "introspect",
    "Says what a delegation token is (RFC 7662).",
    "For the token's own agent and the agents above it; to any other agent each token is inactive.",
    form({ ...presented, ...client }),
    done("Its claims, to its own agent and to those above it; else that it is not active.", {
      anyOf: [claims, object({ active: { const: false } })],
    }),
  ),
  "/oauth/revoke": operation(
    "revoke",
    "Ends a delegation token, or the task of a refresh token (RFC 7009).",
    "For the token's own agent. The other tokens of the task remain valid.",
    form({ ...presented, ...client }),
    {
      description: "The token is revoked, or there is no such token.",
      headers: headers("X-Narrowgate-Decision"),
    },
  ),
  "/oauth/register": { post: registration() },
}

/** The members that a client sends, and that it gets back. */
function metadata(optional: "?" | ""): Readonly<Record<string, Schema>> {
  return {
    redirect_uris: list(text()),
    "client_name?": text("Shown to people as the program's own claim."),
    [`grant_types${optional}`]: list(oneOf(["authorization_code", "refresh_token"])),
    [`response_types${optional}`]: list({ const: "code" }),
    [`token_endpoint_auth_method${optional}`]: { const: "none" },
  }
}

function registration(): Operation {
  return {
    operationId: "register",
    tags: ["oauth"],
    summary: "Registers a public client (RFC 7591).",
    description: "If `agents.yaml` has `registration`. The client is an agent of that class. It has no secret.",
    security: [{}],
    requestBody: { required: true, content: json(openObject(metadata("?"))) },
    responses: {
      "201": {
        description: "The client's id, and what of its metadata is registered.",
        headers: headers("X-Narrowgate-Decision"),
        content: json(object({ client_id: text(), client_id_issued_at: integer("Seconds."), ...metadata("") })),
      },
      "400": errors["400"] ?? unforeseen,
      "403": ofGateway,
      "404": missing,
      "429": errors["429"] ?? unforeseen,
      "503": errors["503"] ?? unforeseen,
    },
  }
}

function document(operationId: string, summary: string, schema: Schema, more: Readonly<Record<string, Answer>> = {}) {
  const answer: Answer = { description: "The document.", headers: headers("Cache-Control"), content: json(schema) }
  const description = "Public. It may be cached as `Cache-Control` says."
  return publicly(operationId, [summary, description], answer, more)
}

/** How the Worker is, now. */
function state(operationId: string, summary: string, schema: Schema, more: Readonly<Record<string, Answer>> = {}) {
  const description = "Public. It is the present state of the Worker."
  return publicly(
    operationId,
    [summary, description],
    { description: "It is in this state.", content: json(schema) },
    more,
  )
}

function publicly(
  operationId: string,
  [summary, description]: readonly [summary: string, description: string],
  answer: Answer,
  more: Readonly<Record<string, Answer>>,
) {
  const operation: Operation = {
    operationId,
    tags: ["metadata"],
    summary,
    description,
    security: [{}],
    responses: { "200": answer, "403": ofGateway, ...more },
  }
  return { get: operation }
}

const texts = list(text())

function protectedResource(operationId: string, summary: string, where: readonly Parameter[]) {
  const { get } = document(
    operationId,
    summary,
    object({
      resource: text("The URL to which its clients connect, or the audience."),
      "resource_name?": text("Of an MCP server: its name in the catalog."),
      authorization_servers: texts,
      bearer_methods_supported: texts,
      dpop_signing_alg_values_supported: texts,
      "scopes_supported?": texts,
    }),
    { "404": missing },
  )
  const origin = query("origin", "One of the gateway's origins; absent: its first.")
  return { get: { ...get, parameters: [...where, origin] } }
}

export const publicPaths: Paths = {
  "/.well-known/oauth-authorization-server": document(
    "authorizationServerMetadata",
    "Metadata of the authorization server (RFC 8414).",
    object({
      ...Object.fromEntries(
        [
          "issuer",
          "authorization_endpoint",
          "token_endpoint",
          "introspection_endpoint",
          "revocation_endpoint",
          "backchannel_authentication_endpoint",
          "jwks_uri",
          "registration_endpoint?",
        ].map((name) => [name, text()]),
      ),
      ...Object.fromEntries(
        [
          "grant_types_supported",
          "authorization_grant_profiles_supported",
          "response_types_supported",
          "response_modes_supported",
          "code_challenge_methods_supported",
          "authorization_details_types_supported",
          "backchannel_token_delivery_modes_supported",
          "token_endpoint_auth_methods_supported",
          "token_endpoint_auth_signing_alg_values_supported",
          "introspection_endpoint_auth_methods_supported",
          "introspection_endpoint_auth_signing_alg_values_supported",
          "revocation_endpoint_auth_methods_supported",
          "revocation_endpoint_auth_signing_alg_values_supported",
          "dpop_signing_alg_values_supported",
          "scopes_supported?",
          "access_token_signing_alg_values_supported",
        ].map((name) => [name, texts]),
      ),
      ...Object.fromEntries(
        [
          "authorization_response_iss_parameter_supported",
          "backchannel_user_code_parameter_supported",
          "client_id_metadata_document_supported",
          "request_parameter_supported",
          "request_uri_parameter_supported",
        ].map((name) => [name, boolean]),
      ),
    }),
  ),
  "/.well-known/oauth-protected-resource/{gateway}": protectedResource(
    "protectedResourceMetadata",
    "Metadata of a gateway's audience, or of an MCP server at the root of its origin (RFC 9728).",
    [inPath("gateway", "Id of the gateway.")],
  ),
  "/.well-known/oauth-protected-resource/{gateway}/{path}": protectedResource(
    "serverMetadata",
    "Metadata of an MCP server behind a gateway (RFC 9728).",
    [inPath("gateway", "Id of the gateway."), inPath("path", "Path of the server at the gateway.")],
  ),
  "/.well-known/authzen-configuration": document(
    "accessMetadata",
    "Where AuthZEN is asked.",
    object({
      policy_decision_point: text(),
      access_evaluation_endpoint: text(),
      access_evaluations_endpoint: text(),
      search_subject_endpoint: text(),
      search_resource_endpoint: text(),
      search_action_endpoint: text(),
    }),
  ),
  "/.well-known/jwks.json": document(
    "keys",
    "Public keys of delegation tokens and Transaction Tokens.",
    object({ keys: list(open("A JWK.")) }),
    {
      "503": unforeseen,
    },
  ),
  "/openapi.json": document("openapi", "This description.", open()),
  "/healthz": state(
    "alive",
    "Says that the Worker runs, and what of its own machine it may request.",
    object({ status: { const: "alive" }, loopback: oneOf(LOOPBACK_ACCESS) }),
  ),
  "/readyz": state(
    "ready",
    "Shows whether the newest publication decides, as of the last second, and there is a key to sign with.",
    object({ status: { const: "ready" }, bundle: POINTER }),
    {
      "503": {
        description: "Not ready.",
        headers: headers("Retry-After"),
        content: json({
          anyOf: [
            object({ status: { const: "not ready" }, bundle: { anyOf: [POINTER, { type: "null" }] } }),
            object({ error: { const: "unavailable" }, error_description: text() }),
          ],
        }),
      },
    },
  ),
}
