/** Requests at the authorization endpoint that come to nothing: shown on a page, or told to the program. */
import { sha256Base64url } from "../../src/core/encoding/hash.ts"
import type { Form } from "../harness/agents.ts"
import { CALLBACK, VERIFIER } from "../harness/browser.ts"
import { agentId } from "../harness/issuers.ts"

export interface ToRefuse {
  readonly what: string
  readonly more: Form
  /** Of its record. */
  readonly reason: string
  readonly error: string
}

const client = (what: string, client_id: string | readonly string[] | undefined): ToRefuse => ({
  what,
  more: { client_id },
  reason: Array.isArray(client_id) ? "parameter_repeated" : "client_unknown",
  error: Array.isArray(client_id) ? "invalid_request" : "unauthorized_client",
})

const elsewhere = (redirect_uri: string, more: Form = {}): ToRefuse => ({
  what: `redirect_uri ${redirect_uri}`,
  more: { redirect_uri, ...more },
  reason: "redirect_uri_refused",
  error: "invalid_request",
})

/** Nobody is sent anywhere: whose place that would be is not known. */
export const ON_A_PAGE: readonly ToRefuse[] = [
  client("no client", undefined),
  client("nobody", "https://nobody.test/agent"),
  client("an agent that is no client", agentId("third")),
  client("two clients", [agentId("first"), agentId("second")]),
  client("a client in another spelling", agentId("FIRST")),
  client("a client with a space", `${agentId("first")} `),
  client("a document that nobody registered", "https://evil.test/client.json"),
  {
    ...elsewhere("two places"),
    more: { redirect_uri: [CALLBACK, "https://evil.test/"] },
    reason: "parameter_repeated",
  },
  { ...elsewhere("none, of five"), more: { redirect_uri: undefined } },
  ...[
    "https://evil.test/callback",
    "https://second.test/callback",
    "https://app.test/callback/",
    "https://app.test/callback/..",
    "https://app.test/callback/../evil",
    "https://app.test/./callback",
    "https://app.test/Callback",
    "https://app.test/callback?",
    "https://app.test/callback?from=there",
    "https://app.test/callback?from=here&from=there",
    "https://app.test/callback#here",
    "https://app.test/%63allback",
    "https://APP.test/callback",
    "https://app.test:443/callback",
    "https://app.test:8443/callback",
    "https://app.test.evil.test/callback",
    "https://app.test@evil.test/callback",
    "https://app.test:443@evil.test/callback",
    "https://evil.test\\@app.test/callback",
    "https://sub.app.test/callback",
    "http://app.test/callback",
    "//app.test/callback",
    "/callback",
    "javascript:alert(1)//app.test/callback",
    "data:text/html,callback",
    "http://127.0.0.1:80@evil.test/callback",
    "http://127.0.0.1.evil.test/callback",
    "http://127.0.0.1:1:2/callback",
    "http://127.0.0.2/callback",
    "http://127.1/callback",
    "http://2130706433/callback",
    "http://0.0.0.0/callback",
    "https://127.0.0.1/callback",
    "http://127.0.0.1:4000/callback/x",
    "http://127.0.0.1:4000/callback?x=1",
    "http://127.0.0.1:99999/callback",
    "http://[::1]/other",
    "http://[::2]/callback",
    "http://[::ffff:127.0.0.1]/callback",
    "http://localhost/other",
    "http://localhost.:4000/callback",
    "http://localhost:4000@evil.test/callback",
    "https://localhost:4000/callback",
    "com.example.app:/callback/more",
    "com.example.app://callback",
    "com.example.app.evil:/callback",
    "com.example:/callback",
    "javascript:/callback",
    " https://app.test/callback",
    "https://app.test/callback\t",
    "https://app.test/callback\r\nSet-Cookie: a=b",
  ].map((uri) => elsewhere(uri)),
  elsewhere("https://app.test/callback", { client_id: agentId("second") }),
]

const told = (what: string, more: Form, reason: string, error: string): ToRefuse => ({ what, more, reason, error })

/** The program is told, where it is registered to be told. */
export const BY_REDIRECT: readonly ToRefuse[] = [
  told("no response type", { response_type: undefined }, "parameter_missing", "invalid_request"),
  ...["token", "id_token", "code token", "none", "CODE"].map((response_type) =>
    told(`response_type ${response_type}`, { response_type }, "response_type_unsupported", "unsupported_response_type"),
  ),
  told("two response types", { response_type: ["code", "code"] }, "parameter_repeated", "invalid_request"),
  told("two scopes", { scope: ["files.*:read", "*:write"] }, "parameter_repeated", "invalid_request"),
  told("something twice that nobody knows", { unknown: ["1", "2"] }, "parameter_repeated", "invalid_request"),
  ...["fragment", "form_post", "query.jwt"].map((response_mode) =>
    told(`response_mode ${response_mode}`, { response_mode }, "request_malformed", "invalid_request"),
  ),
  told("a request object", { request: "eyJhbGciOiJub25lIn0.e30." }, "request_object_refused", "request_not_supported"),
  told(
    "a request object elsewhere",
    { request_uri: "https://evil.test/request.jwt" },
    "request_object_refused",
    "request_uri_not_supported",
  ),
  told(
    "no PKCE",
    { code_challenge: undefined, code_challenge_method: undefined },
    "parameter_missing",
    "invalid_request",
  ),
  told("a method of PKCE alone", { code_challenge: undefined }, "parameter_missing", "invalid_request"),
  told("plain PKCE, unsaid", { code_challenge_method: undefined }, "request_malformed", "invalid_request"),
  told(
    "plain PKCE",
    { code_challenge: VERIFIER, code_challenge_method: "plain" },
    "request_malformed",
    "invalid_request",
  ),
  told("S256 in another spelling", { code_challenge_method: "s256" }, "request_malformed", "invalid_request"),
  told("a challenge that is none", { code_challenge: "short" }, "request_malformed", "invalid_request"),
  told(
    "a padded challenge",
    { code_challenge: `${sha256Base64url(VERIFIER)}=` },
    "request_malformed",
    "invalid_request",
  ),
  told("a thumbprint that is none", { dpop_jkt: "short" }, "request_malformed", "invalid_request"),
  told("a state with a line in it", { state: "a\r\nb" }, "request_malformed", "invalid_request"),
  told("a state that is too long", { state: "s".repeat(2_049) }, "request_malformed", "invalid_request"),
  told("a scope that is none", { scope: "address" }, "scope_malformed", "invalid_scope"),
  told("a tool that it may never have", { scope: "nothing.at.all:read" }, "nothing_left", "invalid_scope"),
  told("another purpose", { purpose: "alone" }, "purpose_not_allowed", "unauthorized_client"),
  told("another resource", { resource: "https://evil.test/" }, "audience_unknown", "invalid_target"),
  told(
    "two resources",
    { resource: ["https://api.test/", "https://evil.test/"] },
    "audience_unknown",
    "invalid_target",
  ),
  told(
    "details of another type",
    { scope: undefined, authorization_details: '[{"type":"payment"}]' },
    "details_malformed",
    "invalid_authorization_details",
  ),
]
