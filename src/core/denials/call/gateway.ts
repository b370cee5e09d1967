/** Why a request of a gateway is not a request to authorize a call. */
import { plain, TEXT } from "../terms/evidence.ts"
import { HEADER } from "./members.ts"
import { final, ONLY_CODE } from "./reason.ts"

export const GATEWAY_DENIALS = {
  gateway_unknown: final({
    code: "unknown_gateway",
    evidence: {},
    doc: "The gateway presents no key of a registered gateway.",
    forOperators: () => "The gateway sent no valid key",
    forCaller: ONLY_CODE,
  }),
  gateway_dialect_mismatch: final({
    code: "unknown_gateway",
    evidence: { expected: plain(TEXT, "The endpoint of the dialect for which the gateway is registered.") },
    doc: "The gateway uses the endpoint of another dialect, or a path that is no endpoint.",
    forOperators: ({ expected }) => `The gateway did not use ${expected}, the endpoint for which it is registered`,
    forCaller: () => "The gateway does not use its endpoint: there are /authz/envoy/ and /authz/forward.",
  }),
  target_missing: final({
    code: "malformed_call",
    evidence: { header: HEADER },
    doc: "The gateway does not report which request the client made.",
    forOperators: ({ header }) => `The gateway sent no valid ${header}, so the target of the call is unknown`,
    forCaller: ({ header }) => `The gateway did not say what was called: its header ${header} is missing or malformed.`,
  }),
  original_path_differs: final({
    code: "malformed_call",
    evidence: {},
    doc: "The gateway reports two different paths for one call.",
    forOperators: () => "The gateway sent two paths for one call",
    forCaller: () => "The gateway stated two different paths for one call.",
  }),
}
