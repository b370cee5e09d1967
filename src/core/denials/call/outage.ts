/** Why no decision could be made: the call is denied, and may be repeated later. */
import { NUMBER, plain, TEXT } from "../terms/evidence.ts"
import { RETRY_AFTER } from "./members.ts"
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
  agent_ledger_unavailable: final({
    code: "unavailable",
    evidence: { agent: plain(TEXT, "The agent whose ledger did not answer.") },
    doc: "The call picks up a label that another agent of its tree carries too, and that agent's ledger did not answer.",
    forOperators: ({ agent }) => `The ledger of ${agent}, which picks up a label by the call, is unavailable`,
    forCaller: ONLY_CODE,
  }),
  ledger_overloaded: final({
    code: "unavailable",
    evidence: {},
    doc: "The agents send the ledger more calls, or calls that take more work, than it can decide.",
    forOperators: () => "The ledger of the task gets more calls than it can decide",
    forCaller: ONLY_CODE,
  }),
  agent_too_fast: final({
    code: "rate_limited",
    evidence: { limit: plain(NUMBER, "Calls a second that an agent may send for long."), retry_after: RETRY_AFTER },
    doc: "The agent sends the ledger of a user so many calls, or calls that take so much work, that other agents would wait for it.",
    forOperators: ({ limit }) => `The agent sends more than ${limit} calls a second, or calls that take as much work`,
    forCaller: ONLY_CODE,
  }),
  records_full: final({
    code: "unavailable",
    evidence: {},
    doc: "A sink that says `deny` for this action class is so far behind that its log has no room for the call's record.",
    forOperators: () => "A sink is behind, and there is no room for the record of the call",
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
