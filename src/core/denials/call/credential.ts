/** Why a call's delegation token or DPoP proof is not accepted. None of these tells the caller which check failed. */
import { NUMBER, optional, plain, TEXT, TEXTS } from "../terms/evidence.ts"
import { HASH, TASK, WHAT } from "./members.ts"
import { final, ONLY_CODE } from "./reason.ts"

export const CREDENTIAL_DENIALS = {
  token_missing: final({
    code: "missing_token",
    evidence: {},
    doc: "The call has no `Authorization`.",
    forOperators: () => "No token was sent",
    forCaller: ONLY_CODE,
  }),
  authorization_malformed: final({
    code: "invalid_token",
    evidence: {},
    doc: "`Authorization` is not one token of the scheme `Bearer` or `DPoP`.",
    forOperators: () => "The Authorization header is malformed or ambiguous",
    forCaller: ONLY_CODE,
  }),
  token_malformed: final({
    code: "invalid_token",
    evidence: { what: WHAT, hash: optional(HASH) },
    doc: "The token is not a compact JWS in its one canonical spelling.",
    forOperators: ({ what }) => `The token is malformed: ${what}`,
    forCaller: ONLY_CODE,
  }),
  token_rejected: final({
    code: "invalid_token",
    evidence: { what: WHAT, hash: optional(HASH) },
    doc: "The token is not a valid delegation token.",
    forOperators: ({ what }) => `The token was rejected: ${what}`,
    forCaller: ONLY_CODE,
  }),
  token_expired: final({
    code: "invalid_token",
    evidence: { expired_at: plain(NUMBER, "Seconds since the epoch."), hash: optional(HASH) },
    doc: "The token has expired.",
    forOperators: () => "The token has expired",
    forCaller: ONLY_CODE,
  }),
  audience_mismatch: final({
    code: "invalid_token",
    evidence: {
      expected: plain(TEXTS, "The audiences of which the token must have one."),
      got: plain(TEXT, "The audience of the token."),
      hash: optional(HASH),
    },
    doc: "The token is for another audience than the gateway's.",
    forOperators: ({ expected, got }) => `The token is for ${expected}, not for ${got}`,
    forCaller: ONLY_CODE,
  }),
  binding_required: final({
    code: "invalid_token",
    evidence: {},
    doc: "The token is bound to a key, and the client presents it as a bearer token.",
    forOperators: () => "The token is bound to a key, and was sent without a proof of it",
    forCaller: ONLY_CODE,
  }),
  binding_absent: final({
    code: "invalid_token",
    evidence: {},
    doc: "The client proves a key, and the token is bound to none.",
    forOperators: () => "A DPoP proof was sent with a token that is not bound to a key",
    forCaller: ONLY_CODE,
  }),
  proof_missing: final({
    code: "invalid_token",
    evidence: {},
    doc: "The client presents the token by the scheme `DPoP` without a proof.",
    forOperators: () => "The DPoP proof is missing",
    forCaller: () => "A DPoP proof is required.",
  }),
  proof_rejected: final({
    code: "invalid_token",
    evidence: { what: WHAT, hash: optional(HASH) },
    doc: "The DPoP proof is not valid for this call, or not by the key of the token (RFC 9449, section 4.3).",
    forOperators: ({ what }) => `The DPoP proof was rejected: ${what}`,
    forCaller: () => "The DPoP proof is not valid for this request.",
  }),
  proof_replayed: final({
    code: "invalid_token",
    evidence: {},
    doc: "The DPoP proof was used before (RFC 9449, section 11.1).",
    forOperators: () => "The DPoP proof was used before",
    forCaller: () => "The DPoP proof was used before.",
  }),
  nonce_required: final({
    code: "invalid_token",
    evidence: { nonce: plain(TEXT, "The nonce that the answer gives; without the key it opens nothing.") },
    doc: "The ledger may have forgotten the proof: the client makes a new one with this nonce (RFC 9449, section 9).",
    forOperators: () => "The DPoP proof needs a new nonce",
    forCaller: () => "The DPoP proof must have the nonce of this answer.",
  }),
  task_unknown: final({
    code: "invalid_token",
    evidence: {},
    doc: "The ledger has no task of this id.",
    forOperators: () => "There is no such task",
    forCaller: ONLY_CODE,
  }),
  token_unissued: final({
    code: "invalid_token",
    evidence: {},
    doc: "The ledger of the task has not issued the token, or has revoked it.",
    forOperators: () => "The token was not issued by the ledger of its task, or was revoked",
    forCaller: ONLY_CODE,
  }),
  task_ended: final({
    code: "invalid_token",
    evidence: { task: TASK, state: plain(TEXT, "How it ended: `completed`, `revoked`, `expired` …") },
    doc: "The task, or one above it, has ended.",
    forOperators: ({ state }) => `Task already ${state}`,
    forCaller: ONLY_CODE,
  }),
}
