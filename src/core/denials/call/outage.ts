/** Why no decision could be made: the call is denied, and may be repeated later. */
import { final, ONLY_CODE } from "./reason.ts"

export const OUTAGE_DENIALS = {
  bundle_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "No policy bundle could be loaded.",
    forOperators: () => "No policy bundle could be loaded",
    forCaller: ONLY_CODE,
  }),
  switches_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "The Worker could not find out what is revoked.",
    forOperators: () => "The list of suspensions is unavailable",
    forCaller: ONLY_CODE,
  }),
  keys_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "The keys to verify the token were unavailable.",
    forOperators: () => "The keys to verify the token are unavailable",
    forCaller: ONLY_CODE,
  }),
  ledger_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "The ledger of the task did not answer.",
    forOperators: () => "The ledger of the task is unavailable",
    forCaller: ONLY_CODE,
  }),
  signing_key_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "The gateway requires a Transaction Token, and there was no key to sign it.",
    forOperators: () => "No signing key is available for a Transaction Token",
    forCaller: ONLY_CODE,
  }),
  failed: final({
    code: "unavailable",
    evidence: {},
    doc: "A fault: Narrowgate fails closed.",
    forOperators: () => "An internal error occurred, and the call was denied",
    forCaller: ONLY_CODE,
  }),
}
