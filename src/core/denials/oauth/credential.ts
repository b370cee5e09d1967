/** Why a client, a subject or a proof of a token request is not accepted. */
import * as z from "zod"
import type { CredentialRejection } from "../terms/credential-rejection.ts"
import { optional, plain, TEXT } from "../terms/evidence.ts"
import { reason } from "./reason.ts"

/** An object in a record, with a `reason` of its own. */
export const BECAUSE = plain(
  z.custom<CredentialRejection>(),
  "Why the credential was rejected: an object with a `reason`, its evidence and the `hash` of the credential.",
)
const WHAT = plain(TEXT, "What is wrong with it.")

/** Where nothing is disclosed by it: it is about the request, or the agent has been proven before. */
const UNPROVEN: Readonly<Partial<Record<CredentialRejection["reason"], string>>> = {
  credential_missing: "The request has neither a client_assertion nor an actor_token that proves the agent.",
  client_mismatch: "client_id is not the agent that is proven.",
  used_before: "The assertion was used before. Each request takes a new one.",
}

export const CREDENTIAL_ERRORS = {
  agent_unauthenticated: reason({
    error: "invalid_client",
    evidence: { because: BECAUSE },
    doc: "The agent did not prove its identity.",
    description: ({ because }) => UNPROVEN[because.reason] ?? "The agent's identity was not proven.",
  }),
  agent_unregistered: reason({
    error: "invalid_client",
    evidence: { agent: plain(TEXT, "The agent.") },
    doc: "The agent proved its identity, and is not in agents.yaml.",
    description: () => "The agent is not registered.",
  }),
  agents_differ: reason({
    error: "invalid_request",
    evidence: {},
    doc: "The actor token and the client assertion belong to two agents.",
    description: () => "The actor token and the client assertion are of two agents.",
  }),
  subject_rejected: reason({
    error: "invalid_request",
    evidence: { because: BECAUSE },
    doc: "The session or the delegation token is not accepted as the subject.",
    description: () => "The subject token is not accepted.",
  }),
  assertion_rejected: reason({
    // RFC 7523, section 3.1.
    error: "invalid_grant",
    evidence: { because: BECAUSE },
    doc: "The ID-JAG, or the workload's own assertion, is not accepted, or was used before.",
    description: () => "The assertion is not accepted.",
  }),
  person_refused: reason({
    error: "access_denied",
    evidence: { because: BECAUSE },
    doc: "`/oauth/authorize`: no agent can work for the account that signed in. Shown on a page.",
    description: () => "This account cannot grant access at the moment.",
  }),
  form_refused: reason({
    error: "access_denied",
    evidence: { what: plain(TEXT, "`origin`, `csrf`, `body` or `no answer`.") },
    doc: "`/oauth/authorize`: the user's answer was not sent by the page that Narrowgate showed. Shown on a page.",
    description: () => "The answer did not come from the page that asked.",
  }),
  proof_rejected: reason({
    error: "invalid_dpop_proof",
    evidence: { what: WHAT, hash: optional(plain(TEXT, "First 16 hex digits of the SHA-256 of the proof.")) },
    doc: "The DPoP proof is not valid for this request (RFC 9449, section 4.3).",
    description: () => "The DPoP proof is not accepted.",
  }),
  proof_replayed: reason({
    error: "invalid_dpop_proof",
    evidence: {},
    doc: "The DPoP proof was used before.",
    description: () => "The DPoP proof is not accepted.",
  }),
  key_required: reason({
    error: "invalid_request",
    evidence: {},
    doc: "The agent has `bound_key`, presents a hand-over, or wants a task of an isolated purpose, and proves no key.",
    description: () => "This agent must prove a key by DPoP.",
  }),
  instance_unproven: reason({
    error: "invalid_request",
    evidence: {},
    doc: "The agent has `partitions`, and nothing proves its instance: no key, and no claim that `instance` names; or that claim is no text.",
    description: () =>
      "This agent must prove which of its instances it is: by a key (DPoP), or by a token with the claim that is registered for that.",
  }),
  key_differs: reason({
    error: "invalid_request",
    evidence: {},
    doc: "The tokens of the task are bound to another key, or to none.",
    description: () => "The task's token is bound to another key.",
  }),
  handover_required: reason({
    error: "invalid_request",
    evidence: {},
    doc: "The subject is a bound token of another agent, and there is no `handover`.",
    description: () => "A bound token passes to another agent only with a hand-over signed by its key.",
  }),
  handover_rejected: reason({
    error: "invalid_request",
    evidence: { what: WHAT },
    doc: "The hand-over is not valid, or was used before.",
    description: () => "The hand-over is not accepted.",
  }),
  session_differs: reason({
    error: "invalid_request",
    evidence: { what: plain(TEXT, "`agent`, `user` or `client`: which of them differs.") },
    doc: "A fresher session is another user's, or of another client than the task's last, or the task is another agent's.",
    description: ({ what }) =>
      what === "client"
        ? "The session is of another client than the one that the task has."
        : "The session is not of this task's user, or the task is not this agent's.",
  }),
  session_not_fresher: reason({
    error: "invalid_request",
    evidence: {},
    doc: "The session has no `auth_time`, or none that is later than the task's; if the purpose has `session: { refresh: true }`: nor was it issued later, for the same login, to end later.",
    description: () => "The session is no fresher than the one that the task has.",
  }),
  stopped: reason({
    error: "unauthorized_client",
    evidence: { switch: plain(TEXT, "Id of the revocation.") },
    doc: "The agent, one above it, the user, their identity provider or everything is revoked.",
    description: () => "No token is issued to this agent, or for this user, at the moment.",
  }),
  unavailable: reason({
    error: "temporarily_unavailable",
    evidence: {},
    doc: "No bundle, ledger, replay log or key of the issuer is available.",
    description: () => "No token can be issued at the moment.",
  }),
}
