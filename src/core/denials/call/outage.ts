/** Why no decision could be made: the call is denied, and may be repeated later. */
import { final, ONLY_CODE } from "./reason.ts"

export const OUTAGE_DENIALS = {
  bundle_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "No policy bundle could be loaded.",
    forOperators: () => "no bundle of policies could be loaded",
    forCaller: ONLY_CODE,
  }),
  switches_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "The Worker could not find out what is revoked.",
    forOperators: () => "the revocations were unavailable",
    forCaller: ONLY_CODE,
  }),
  keys_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "The keys to verify the token were unavailable.",
    forOperators: () => "the keys to verify its token were unavailable",
    forCaller: ONLY_CODE,
  }),
  ledger_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "The ledger of the task did not answer.",
    forOperators: () => "the task's ledger was unavailable",
    forCaller: ONLY_CODE,
  }),
  signing_key_unavailable: final({
    code: "unavailable",
    evidence: {},
    doc: "The gateway requires a Transaction Token, and there was no key to sign it.",
    forOperators: () => "there was no key to sign the Transaction Token",
    forCaller: ONLY_CODE,
  }),
  failed: final({
    code: "unavailable",
    evidence: {},
    doc: "A fault: Narrowgate fails closed.",
    forOperators: () => "there was a fault, and no call is allowed then",
    forCaller: ONLY_CODE,
  }),
}
