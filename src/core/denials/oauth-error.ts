/**
 * Why the token endpoint refuses, each with what shows it, and the OAuth error that says so to the client (RFC 6749
 * 5.2, RFC 8693 2.2.2, RFC 8707 2, RFC 9396 5).
 */
import type { CredentialRejection } from "./credential-rejection.ts"
import { asciiText } from "../encoding/display-text.ts"

export type OAuthError =
  | { readonly reason: "request_malformed"; readonly what: string }
  | { readonly reason: "parameter_repeated"; readonly parameter: string }
  | { readonly reason: "parameter_missing"; readonly parameter: string }
  | { readonly reason: "grant_type_unsupported" }
  | { readonly reason: "response_type_unsupported" }
  /** At the authorization endpoint: who sends the person here, and where to, is not what is registered. */
  | { readonly reason: "client_unknown"; readonly client: string | null }
  | { readonly reason: "client_document_refused"; readonly client: string; readonly what: string }
  | { readonly reason: "redirect_uri_refused"; readonly redirect_uri: string | null }
  /** Request objects, by value or by reference (RFC 9101). */
  | { readonly reason: "request_object_refused"; readonly parameter: "request" | "request_uri" }
  /** Somebody else's page, or no page of ours, has sent the person's answer. */
  | { readonly reason: "form_refused"; readonly what: string }
  /** Who has signed in is nobody whom an agent could work for. */
  | { readonly reason: "person_refused"; readonly because: CredentialRejection }
  /** A code or a refresh token that is none, is over, or was shown by somebody else or twice: then its task is ended. */
  | { readonly reason: "grant_refused"; readonly what: string }
  | { readonly reason: "token_type_unsupported"; readonly parameter: string }
  | { readonly reason: "agent_unauthenticated"; readonly because: CredentialRejection }
  | { readonly reason: "agent_unregistered"; readonly agent: string }
  | { readonly reason: "agents_differ" }
  | { readonly reason: "subject_rejected"; readonly because: CredentialRejection }
  | { readonly reason: "assertion_rejected"; readonly because: CredentialRejection }
  | { readonly reason: "proof_replayed" }
  /** The token names another task, agent or user than the one whose session is to be renewed. */
  | { readonly reason: "session_differs"; readonly what: string }
  | { readonly reason: "session_not_fresher" }
  | { readonly reason: "proof_rejected"; readonly what: string; readonly hash?: string }
  | { readonly reason: "key_required" }
  | { readonly reason: "key_differs" }
  | { readonly reason: "handover_required" }
  | { readonly reason: "handover_rejected"; readonly what: string }
  /** `known`: those that there are, as the metadata of each resource says; a few of many. */
  | { readonly reason: "audience_unknown"; readonly audience: string; readonly known: readonly string[] }
  /** The task, or one above it, was opened for other audiences; of a token as subject, for its own. */
  | { readonly reason: "audience_differs"; readonly audience: string; readonly expected: readonly string[] }
  | { readonly reason: "scope_malformed"; readonly scope: string }
  | { readonly reason: "details_malformed"; readonly what: string }
  | { readonly reason: "purpose_not_allowed"; readonly purpose: string }
  | { readonly reason: "delegation_not_allowed"; readonly from: string; readonly to: string }
  | { readonly reason: "too_deep"; readonly agent: string; readonly depth: number }
  /** The task, or one above it, opens nothing any more, and how it ended. */
  | { readonly reason: "parent_ended"; readonly task: string; readonly state: string }
  /** The ledger has not issued the subject token, or has revoked it, or it has expired there. */
  | { readonly reason: "parent_token_unknown" }
  /** `task` names no task of the agent and user. */
  | { readonly reason: "task_unknown"; readonly what: string }
  | { readonly reason: "details_ambiguous"; readonly tool: string }
  /** Opening tasks is limited, for an agent and user together. */
  | {
      readonly reason: "too_many_tasks"
      readonly what: "live" | "rate" | "tree" | "inbox"
      readonly retry_after: number
    }
  | { readonly reason: "user_required"; readonly purpose: string }
  | { readonly reason: "renewal_differs" }
  | ({ readonly reason: "nothing_left" } & NothingLeft)
  /** Policy asks for a person's consent to this: `/oauth/authorize` or `/oauth/bc-authorize`. */
  | { readonly reason: "consent_required"; readonly scope: string }
  | { readonly reason: "consent_unknown" }
  | { readonly reason: "consent_pending" }
  | { readonly reason: "polled_too_soon" }
  | { readonly reason: "consent_refused" }
  | { readonly reason: "consent_expired" }
  | { readonly reason: "binding_message_refused" }
  | { readonly reason: "user_unknown" }
  | { readonly reason: "stopped"; readonly switch: string }
  | { readonly reason: "unavailable" }

export const ERROR_OF_REASON = {
  request_malformed: "invalid_request",
  parameter_repeated: "invalid_request",
  parameter_missing: "invalid_request",
  grant_type_unsupported: "unsupported_grant_type",
  response_type_unsupported: "unsupported_response_type",
  // To these the person is not sent back: whose place that would be is not known.
  client_unknown: "unauthorized_client",
  client_document_refused: "unauthorized_client",
  redirect_uri_refused: "invalid_request",
  request_object_refused: "request_not_supported",
  form_refused: "access_denied",
  person_refused: "access_denied",
  grant_refused: "invalid_grant",
  token_type_unsupported: "invalid_request",
  agent_unauthenticated: "invalid_client",
  agent_unregistered: "invalid_client",
  agents_differ: "invalid_request",
  subject_rejected: "invalid_request",
  // RFC 7523 3.1.
  assertion_rejected: "invalid_grant",
  proof_rejected: "invalid_dpop_proof",
  key_required: "invalid_request",
  key_differs: "invalid_request",
  handover_required: "invalid_request",
  handover_rejected: "invalid_request",
  audience_unknown: "invalid_target",
  audience_differs: "invalid_target",
  scope_malformed: "invalid_scope",
  details_malformed: "invalid_authorization_details",
  purpose_not_allowed: "unauthorized_client",
  delegation_not_allowed: "unauthorized_client",
  too_deep: "unauthorized_client",
  parent_ended: "invalid_request",
  parent_token_unknown: "invalid_request",
  task_unknown: "invalid_request",
  details_ambiguous: "invalid_authorization_details",
  too_many_tasks: "rate_limited",
  user_required: "unauthorized_client",
  renewal_differs: "invalid_request",
  proof_replayed: "invalid_dpop_proof",
  session_differs: "invalid_request",
  session_not_fresher: "invalid_request",
  nothing_left: "invalid_scope",
  consent_required: "consent_required",
  consent_unknown: "invalid_grant",
  consent_pending: "authorization_pending",
  polled_too_soon: "slow_down",
  consent_refused: "access_denied",
  consent_expired: "expired_token",
  binding_message_refused: "invalid_binding_message",
  user_unknown: "unknown_user_id",
  stopped: "unauthorized_client",
  unavailable: "temporarily_unavailable",
} as const satisfies Record<OAuthError["reason"], string>

export interface OAuthFailure {
  readonly refused: OAuthError
}

export function oauthError(refusal: OAuthError): OAuthFailure {
  return { refused: refusal }
}

/** A credential whose keys could not be had is nobody's fault but the issuer's: try again. */
export function refuseCredential(
  reason: "agent_unauthenticated" | "subject_rejected" | "assertion_rejected" | "person_refused",
  because: CredentialRejection,
): OAuthFailure {
  return oauthError(because.reason === "keys_unavailable" ? { reason: "unavailable" } : { reason, because })
}

export function isOAuthFailure(outcome: object): outcome is OAuthFailure {
  return "refused" in outcome
}

export function oauthErrorOf(refusal: OAuthError): string {
  if (refusal.reason === "request_object_refused") return `${refusal.parameter}_not_supported`
  return ERROR_OF_REASON[refusal.reason]
}

/** 401 for a client that did not authenticate (RFC 6749 5.2), 503 for an outage, 429 for too many, else 400. */
export function statusOf(refusal: OAuthError): 400 | 401 | 429 | 503 {
  if (refusal.reason === "unavailable") return 503
  if (refusal.reason === "too_many_tasks") return 429
  return oauthErrorOf(refusal) === "invalid_client" ? 401 : 400
}

/** What the client may know. Scopes and caps are about its own request; nothing here tells why a signature failed. */
export function describeRefusal(refusal: OAuthError): string {
  switch (refusal.reason) {
    case "request_malformed":
    case "details_malformed":
      return `The request is malformed: ${refusal.what}.`
    case "parameter_repeated":
      return `${refusal.parameter} is repeated.`
    case "parameter_missing":
      return `${refusal.parameter} is missing.`
    case "grant_type_unsupported":
      return "This grant type is not supported."
    case "response_type_unsupported":
      return "The response type is code, and nothing else."
    case "client_unknown":
      return "This program is not registered here."
    case "client_document_refused":
      return "What this program's document says of it cannot be used."
    case "redirect_uri_refused":
      return "The address to which the answer would go is not registered for this program."
    case "request_object_refused":
      return `${refusal.parameter} is not supported.`
    case "form_refused":
      return "The answer did not come from the page that asked."
    case "person_refused":
      return "With this account nothing can be allowed here at the moment."
    case "grant_refused":
      return "It is not accepted: it is unknown, over, was used before, or is not for this agent."
    case "token_type_unsupported":
      return `${refusal.parameter} is not supported.`
    case "agent_unauthenticated":
      return "The agent's identity was not proven."
    case "agent_unregistered":
      return "The agent is not registered."
    case "agents_differ":
      return "The actor token and the client assertion are of two agents."
    case "subject_rejected":
      return "The subject token is not accepted."
    case "assertion_rejected":
      return "The assertion is not accepted."
    case "proof_rejected":
    case "proof_replayed":
      return "The DPoP proof is not accepted."
    case "key_required":
      return "This agent must prove a key by DPoP."
    case "key_differs":
      return "The task's token is bound to another key."
    case "handover_required":
      return "A bound token passes to another agent only with a hand-over signed by its key."
    case "handover_rejected":
      return "The hand-over is not accepted."
    case "audience_unknown":
      return `Name one audience (\`resource\` or \`audience\`) that this agent may have tokens for. There are: ${refusal.known.join(" ")}.`
    case "audience_differs":
      return "The task was opened for another audience."
    case "scope_malformed":
      return refusal.scope === TOO_MANY_SCOPES
        ? "There are more than 256 scopes."
        : "A scope is not of the form <tool or prefix.*>:<read|write|execute>."
    case "purpose_not_allowed":
      return "The agent has no such purpose."
    case "delegation_not_allowed":
      return "The parent's agent may not delegate to this agent."
    case "too_deep":
      return "The chain of agents would be too long."
    case "parent_ended":
    case "parent_token_unknown":
      return "The parent task has ended."
    case "task_unknown":
      return "There is no such task of this agent and user."
    case "details_ambiguous":
      return `Two objects of authorization_details cover ${refusal.tool}.`
    case "too_many_tasks":
      return TOO_MANY[refusal.what]
    case "user_required":
      return "A task of this purpose needs a user behind it."
    case "renewal_differs":
      return "A renewal takes the task as it is: name neither scope, details nor another purpose."
    case "session_differs":
      return "The session is not of this task's user, or the task is not this agent's."
    case "session_not_fresher":
      return "The session is no fresher than the one that the task has."
    case "nothing_left":
      return nothingLeft(refusal)
    case "consent_required":
      return `The user's consent is required: ask for it at /oauth/authorize or /oauth/bc-authorize. It would be for: ${refusal.scope}.`
    case "consent_unknown":
      return "There is no such request of this agent, or its token was issued."
    case "consent_pending":
      return "The user has not answered yet."
    case "polled_too_soon":
      return "The user has not answered yet; ask less often."
    case "consent_refused":
      return "The user has refused."
    case "consent_expired":
      return "The user has not answered in time."
    case "binding_message_refused":
      return "binding_message is one line of at most 100 characters that can be shown."
    case "user_unknown":
      return "The hint names nobody of a provider that is known."
    case "stopped":
      return "No token is issued to this agent, or for this user, at the moment."
    case "unavailable":
      return "No token can be issued at the moment."
    default:
      return refusal satisfies never
  }
}

/** What a record says in place of one scope. */
export const TOO_MANY_SCOPES = "too many"

const TOO_MANY = {
  live: "Too many tasks are open.",
  rate: "Too many tasks were opened just now.",
  tree: "The tree has too many tasks or live tokens.",
  inbox: "Too many requests wait for this user's answer.",
} as const

function nothingLeft(refusal: NothingLeft): string {
  const lacking = Object.entries(refusal.lacking).slice(0, 8)
  const detail = lacking.map(([tool, { cap, of }]) => `${tool} (${cap} ${asciiText(of)})`).join(", ")
  const asked =
    detail === ""
      ? "No tool of the catalog is named by the scopes."
      : `No scope can be granted. What does not allow a tool: ${detail}.`
  const available = refusal.available.slice(0, 8).join(" ")
  return available === ""
    ? `${asked} No scope could be granted instead.`
    : `${asked} These scopes could be granted: ${available}.`
}

/** What limits a grant, and whose limit it is: the name of a purpose, an agent or a principal. */
export interface CapSource {
  readonly cap: "purpose" | "agent" | "parent" | "assertion" | "consent" | "policy"
  readonly of: string
}

export interface NothingLeft {
  readonly asked: readonly string[]
  /** Scopes of what could be had by whoever asks, for this purpose. */
  readonly available: readonly string[]
  /** For each tool asked for, the first cap that lacked it, and whose. */
  readonly lacking: Readonly<Record<string, CapSource>>
}
