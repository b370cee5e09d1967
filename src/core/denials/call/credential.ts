/** Why a call's delegation token or DPoP proof is not accepted. None of these tells the caller which check failed. */
import { NUMBER, optional, plain, TEXT, TEXTS } from "../terms/evidence.ts"
import { HASH, TASK, WHAT } from "./members.ts"
import { final, ONLY_CODE } from "./reason.ts"

export const CREDENTIAL_DENIALS = {
  token_missing: final({
    code: "missing_token",
    evidence: {},
    doc: "The call has no `Authorization`.",
    forOperators: () => "the call had no token",
    forCaller: ONLY_CODE,
  }),
  authorization_malformed: final({
    code: "invalid_token",
    evidence: {},
    doc: "`Authorization` is not one token of the scheme `Bearer` or `DPoP`.",
    forOperators: () => "its Authorization header is malformed or ambiguous",
    forCaller: ONLY_CODE,
  }),
  token_malformed: final({
    code: "invalid_token",
    evidence: { what: WHAT, hash: optional(HASH) },
    doc: "The token is not a compact JWS in its one canonical spelling.",
    forOperators: ({ what }) => `its token is malformed: ${what}`,
    forCaller: ONLY_CODE,
  }),
  token_rejected: final({
    code: "invalid_token",
    evidence: { what: WHAT, hash: optional(HASH) },
    doc: "The token is not a valid delegation token.",
    forOperators: ({ what }) => `its token was rejected: ${what}`,
    forCaller: ONLY_CODE,
  }),
  token_expired: final({
    code: "invalid_token",
    evidence: { expired_at: plain(NUMBER, "Seconds since the epoch."), hash: optional(HASH) },
    doc: "The token has expired.",
    forOperators: () => "its token had expired",
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
    forOperators: ({ expected, got }) => `its token is for ${got}, not for ${expected}`,
    forCaller: ONLY_CODE,
  }),
  binding_required: final({
    code: "invalid_token",
    evidence: {},
    doc: "The token is bound to a key, and the client presents it as a bearer token.",
    forOperators: () => "its token is bound to a key, and the client presented it without a proof",
    forCaller: ONLY_CODE,
  }),
  binding_absent: final({
    code: "invalid_token",
    evidence: {},
    doc: "The client proves a key, and the token is bound to none.",
    forOperators: () => "it proved a key to which its token is not bound",
    forCaller: ONLY_CODE,
  }),
  proof_missing: final({
    code: "invalid_token",
    evidence: {},
    doc: "The client presents the token by the scheme `DPoP` without a proof.",
    forOperators: () => "it had no proof of its token's key",
    forCaller: ONLY_CODE,
  }),
  proof_rejected: final({
    code: "invalid_token",
    evidence: { what: WHAT, hash: optional(HASH) },
    doc: "The DPoP proof is not valid for this call, or not by the key of the token (RFC 9449, section 4.3).",
    forOperators: ({ what }) => `its DPoP proof was rejected: ${what}`,
    forCaller: ONLY_CODE,
  }),
  proof_replayed: final({
    code: "invalid_token",
    evidence: {},
    doc: "The DPoP proof was used before (RFC 9449, section 11.1).",
    forOperators: () => "its DPoP proof had been used before",
    forCaller: ONLY_CODE,
  }),
  nonce_required: final({
    code: "invalid_token",
    evidence: { nonce: plain(TEXT, "The nonce that the answer gives; without the key it opens nothing.") },
    doc: "The ledger may have forgotten the proof: the client makes a new one with this nonce (RFC 9449, section 9).",
    forOperators: () => "the client has to make a new DPoP proof, with a nonce",
    forCaller: ONLY_CODE,
  }),
  task_unknown: final({
    code: "invalid_token",
    evidence: {},
    doc: "The ledger has no task of this id.",
    forOperators: () => "there is no such task",
    forCaller: ONLY_CODE,
  }),
  token_unissued: final({
    code: "invalid_token",
    evidence: {},
    doc: "The ledger of the task has not issued the token, or has revoked it.",
    forOperators: () => "its token was not issued by the task's ledger, or was revoked",
    forCaller: ONLY_CODE,
  }),
  task_ended: final({
    code: "invalid_token",
    evidence: { task: TASK, state: plain(TEXT, "How it ended: `completed`, `revoked`, `expired` …") },
    doc: "The task, or one above it, has ended.",
    forOperators: ({ task, state }) => `its task ${task} has ended: ${state}`,
    forCaller: ONLY_CODE,
  }),
}
