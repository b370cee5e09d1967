/** The authorization server: OAuth 2.1 with RFC 7009, 7662, 8693 and CIBA. */
import {
  headers,
  errorAnswer,
  html,
  json,
  type Answer,
  type Operation,
  type Parameter,
  type Paths,
} from "./operation.ts"
import { list, number, object, oneOf, open, text, type Schema } from "./schema.ts"

const form = (members: Readonly<Record<string, Schema>>): NonNullable<Operation["requestBody"]> => ({
  required: true,
  content: { "application/x-www-form-urlencoded": { schema: { ...object(members), additionalProperties: true } } },
})

const client = {
  "client_assertion?": text("The agent's proof of its identity."),
  "client_assertion_type?": text("`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, or `…:jwt-spiffe`."),
  "actor_token?": text("The agent's proof, in place of an assertion."),
  "actor_token_type?": text("`urn:ietf:params:oauth:token-type:jwt`."),
  "client_id?": text("The agent's id."),
}
const grant = {
  "scope?": text("Scopes, separated by spaces; absent: the purpose's default."),
  "authorization_details?": text("RFC 9396, as JSON, in place of `scope`."),
  "purpose?": text("Absent: the agent's first."),
  "audience?": { anyOf: [text(), list(text())] },
  "resource?": { anyOf: [text(), list(text())] },
}

const CODES = [
  "invalid_request",
  "invalid_grant",
  "invalid_scope",
  "invalid_target",
  "invalid_authorization_details",
  "invalid_dpop_proof",
  "invalid_binding_message",
  "unknown_user_id",
  "unauthorized_client",
  "unsupported_grant_type",
  "consent_required",
  "authorization_pending",
  "slow_down",
  "access_denied",
  "expired_token",
]
const errors: Readonly<Record<string, Answer>> = {
  "400": errorAnswer(400, CODES, "The request is not granted: RFC 6749, section 5.2."),
  "401": errorAnswer(401, ["invalid_client"], "The agent is not proven."),
  "429": errorAnswer(429, ["rate_limited"], "The agent has too many task trees open, or opened them too fast."),
  "503": errorAnswer(503, ["temporarily_unavailable", "unavailable"], "Something that decides this is unavailable."),
}

const details = list(open("`narrowgate_call`."))
const issued = object({
  access_token: text(),
  token_type: oneOf(["Bearer", "DPoP"]),
  expires_in: number("Seconds."),
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
  iat: number(),
  exp: number(),
  "nbf?": number(),
  jti: text(),
  token_type: oneOf(["Bearer", "DPoP"]),
  "cnf?": object({ jkt: text() }),
  "user?": open(),
  "since?": number("When the authority began that it stands for."),
})

function operation(
  operationId: string,
  summary: string,
  requestBody: Operation["requestBody"],
  answer: Answer,
): { readonly post: Operation } {
  const dpop: Parameter = { name: "DPoP", in: "header", description: "RFC 9449.", schema: { type: "string" } }
  return {
    post: {
      operationId,
      tags: ["oauth"],
      summary,
      security: [{}],
      ...(operationId === "token" && { parameters: [dpop] }),
      ...(requestBody && { requestBody }),
      responses: { "200": answer, ...errors },
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
    description: "To the client with `code`, or with `error`; or to the sign-in.",
    headers: headers("Location"),
  },
  "400": page("Something is wrong with the client, its redirect URI, or what was sent."),
  "403": page("The person may not allow it, or the answer did not come from our page."),
  "429": page("Too many requests."),
  "503": {
    ...page("Something that decides this is unavailable; JSON if nothing could be decided at all."),
    content: { ...html, ...errorAnswer(503, ["unavailable"], "").content },
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
const authorization = (operationId: string, summary: string): Operation => ({
  operationId,
  tags: ["oauth"],
  summary,
  security: [{ session: [] }],
  parameters: authorizationParameters,
  responses: authorizationAnswers,
})

export const oauthPaths: Paths = {
  "/oauth/token": operation(
    "token",
    "Issues a delegation token.",
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
    get: authorization("authorizePage", "Asks a person at their browser for their consent to a task."),
    post: authorization("authorizeAnswer", "Takes the answer of that page."),
  },
  "/oauth/bc-authorize": operation(
    "backchannelAuthorize",
    "Asks a person who is elsewhere for their consent to a task (CIBA, poll mode).",
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
      object({ auth_req_id: text(), expires_in: number("Seconds."), interval: number("Seconds.") }),
    ),
  ),
  "/oauth/introspect": operation(
    "introspect",
    "Says what a delegation token is (RFC 7662).",
    form({ token: text(), ...client }),
    done("Its claims, to its own agent and to those above it; else that it is not active.", {
      anyOf: [claims, object({ active: { const: false } })],
    }),
  ),
  "/oauth/revoke": operation(
    "revoke",
    "Ends a delegation token, or the task of a refresh token (RFC 7009).",
    form({ token: text(), ...client }),
    {
      description: "It opens nothing any more, or there is no such token.",
      headers: headers("X-Narrowgate-Decision"),
    },
  ),
}

function document(operationId: string, summary: string, schema: Schema, more: Readonly<Record<string, Answer>> = {}) {
  const operation: Operation = {
    operationId,
    tags: ["metadata"],
    summary,
    security: [{}],
    responses: {
      "200": { description: "The document.", headers: headers("Cache-Control"), content: json(schema) },
      ...more,
    },
  }
  return { get: operation }
}

const missing: Answer = {
  description: "There is nothing here.",
  content: json(object({ error: { const: "not_found" }, error_description: text() })),
}
const texts = list(text())
const unavailable: Answer = {
  description: "An unforeseen fault.",
  content: json(object({ error: { const: "unavailable" }, error_description: text() })),
}

export const publicPaths: Paths = {
  "/.well-known/oauth-authorization-server": document(
    "authorizationServerMetadata",
    "Metadata of the authorization server (RFC 8414).",
    {
      ...object({
        issuer: text(),
        authorization_endpoint: text(),
        token_endpoint: text(),
        jwks_uri: text(),
        grant_types_supported: texts,
      }),
      additionalProperties: true,
    },
  ),
  "/.well-known/oauth-protected-resource/{gateway}": (() => {
    const { get } = document(
      "protectedResourceMetadata",
      "Metadata of a gateway's protected resource (RFC 9728).",
      object({
        resource: text(),
        authorization_servers: texts,
        bearer_methods_supported: texts,
        dpop_signing_alg_values_supported: texts,
      }),
      { "404": missing },
    )
    const gateway: Parameter = {
      name: "gateway",
      in: "path",
      required: true,
      description: "Id of the gateway.",
      schema: { type: "string" },
    }
    return { get: { ...get, parameters: [gateway] } }
  })(),
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
      "503": unavailable,
    },
  ),
  "/openapi.json": document("openapi", "This description.", open()),
  "/healthz": document("alive", "Says that the Worker runs.", object({ status: { const: "alive" } })),
  "/readyz": document(
    "ready",
    "Says whether there is a bundle to decide by and a key to sign with.",
    object({ status: { const: "ready" }, bundle: object({ seq: number(), digest: text() }) }),
    {
      "503": {
        description: "Not ready.",
        content: json({
          anyOf: [
            object({ status: { const: "not ready" } }),
            object({ error: { const: "unavailable" }, error_description: text() }),
          ],
        }),
      },
    },
  ),
}
