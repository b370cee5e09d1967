/** Why a guardrail denies a call. */
import * as z from "zod"
import { figure, nullable, NUMBER, plain, TEXT } from "../terms/evidence.ts"
import { CONSEQUENCE, GUARDRAIL, LIMIT, MESSAGE, RETRY_AFTER, SECONDS } from "./members.ts"
import { final, ONLY_CODE, reason } from "./reason.ts"

const IN_A_WINDOW = { guardrail: GUARDRAIL, limit: LIMIT, seconds: SECONDS, consequence: CONSEQUENCE }

export const GUARDRAIL_DENIALS = {
  window_full: reason({
    code: "rate_limited",
    decidedAnew: "guardrails",
    evidence: {
      window: plain(TEXT, "The window that is full."),
      limit: LIMIT,
      seconds: SECONDS,
      retry_after: RETRY_AFTER,
      consequence: CONSEQUENCE,
    },
    doc: "A rate limit leaves no room for the call now.",
    forOperators: ({ window, limit, seconds }) => `Limit ${window} reached: ${limit} in ${seconds} s`,
    forCaller: ONLY_CODE,
  }),
  budget_spent: reason({
    code: "budget_exhausted",
    decidedAnew: "guardrails",
    evidence: {
      budget: plain(TEXT, "The budget."),
      limit: LIMIT,
      used: figure("What was used before the call; null if it would show a redacted argument."),
      asked: figure("What the call would use; null if it would show a redacted argument."),
      seconds: nullable(SECONDS, "Length of the window, in seconds; null: as long as the task tree lives."),
      retry_after: figure(
        "Seconds until there is room for the call; null: there never is, or it would show a redacted argument.",
      ),
      consequence: CONSEQUENCE,
    },
    doc: "What is left of a budget does not cover the call.",
    forOperators: ({ budget, used, limit, asked }) =>
      `Budget ${budget} exhausted: ${used} of ${limit} used, ${asked} requested`,
    forCaller: () => "What is left of a budget does not cover this call.",
  }),
  call_repeated: reason({
    code: "loop_detected",
    decidedAnew: "guardrails",
    evidence: IN_A_WINDOW,
    doc: "The task makes the same call too often.",
    forOperators: ({ guardrail, limit, seconds }) =>
      `The same call was repeated too often (${guardrail}: ${limit} in ${seconds} s)`,
    forCaller: () => "The task has made the same call too often.",
  }),
  origin_changed: reason({
    code: "deviation",
    decidedAnew: "guardrails",
    evidence: IN_A_WINDOW,
    doc: "A field of the call has another value than before, such as its country.",
    forOperators: ({ guardrail }) => `The call came from another origin than before (${guardrail})`,
    forCaller: ONLY_CODE,
  }),
  denial_storm: reason({
    code: "loop_detected",
    decidedAnew: "guardrails",
    evidence: IN_A_WINDOW,
    doc: "Too many calls of the task were denied.",
    forOperators: ({ guardrail, limit, seconds }) =>
      `Too many calls were denied before (${guardrail}: ${limit} in ${seconds} s)`,
    forCaller: () => "Too many calls of the task were denied.",
  }),
  calls_circle: reason({
    code: "loop_detected",
    decidedAnew: "guardrails",
    evidence: {
      guardrail: GUARDRAIL,
      length: plain(NUMBER, "Calls of the loop."),
      times: plain(NUMBER, "How often the task has made them."),
      consequence: CONSEQUENCE,
    },
    doc: "The task repeats the same calls in a loop.",
    forOperators: ({ length, guardrail }) => `The task repeats the same ${length} calls in a loop (${guardrail})`,
    forCaller: ONLY_CODE,
  }),
  approval_required: reason({
    code: "approval_required",
    decidedAnew: "guardrails",
    evidence: {
      guardrail: nullable(GUARDRAIL, "The guardrail that requires the approval; null: rules do."),
      name: plain(TEXT.nullable(), "Name of the approval in approvers.yaml; null: any operator can approve."),
      because: plain(TEXT, "The reason for which the call would be denied otherwise."),
      message: MESSAGE,
      approval: plain(TEXT.nullable(), "Id of the request for approval; null: the gateway observes, so there is none."),
      status: plain(
        z.enum(["pending", "rejected", "not_asked"]),
        "`not_asked`: the gateway observes, so nobody is asked.",
      ),
      expires_at: plain(NUMBER.nullable(), "Seconds since the epoch; null: nobody is asked."),
      limited_by: plain(
        TEXT.nullable(),
        "What ends it then: `approval_life`, or what ends its task (`purpose_life`, `consent`, `parent`, `session`); null: nobody is asked.",
      ),
    },
    doc: "People have to approve the call, and have not, or have rejected it.",
    forOperators: ({ name }) => `Needs approval by ${name}`,
    forCaller: ONLY_CODE,
  }),
  sequence_broken: reason({
    code: "sequence_denied",
    decidedAnew: "guardrails",
    evidence: { guardrail: GUARDRAIL, consequence: CONSEQUENCE },
    doc: "The task tree has made a call after which this one is denied, or has not made one that it requires.",
    forOperators: ({ guardrail }) => `The call is in the wrong order (${guardrail})`,
    forCaller: ONLY_CODE,
  }),
  too_many_at_once: reason({
    code: "rate_limited",
    decidedAnew: "guardrails",
    evidence: { guardrail: GUARDRAIL, limit: LIMIT, retry_after: RETRY_AFTER, consequence: CONSEQUENCE },
    doc: "As many calls are in flight as may be.",
    forOperators: ({ limit, guardrail }) => `${limit} calls are in flight (${guardrail})`,
    forCaller: ONLY_CODE,
  }),
  guardrail_field_missing: final({
    code: "policy_denied",
    evidence: { guardrail: GUARDRAIL, field: plain(TEXT, "The field that the call does not have.") },
    doc: "The call does not have the field by which a guardrail tells calls apart.",
    forOperators: ({ field, guardrail }) => `The call lacks ${field}, which the guardrail ${guardrail} needs`,
    forCaller: ONLY_CODE,
  }),
  amount_unreadable: final({
    code: "policy_denied",
    evidence: {
      guardrail: GUARDRAIL,
      field: plain(TEXT, "The field that should hold the amount."),
      what: plain(TEXT, "`missing`, `no number`, `negative`, `too precise` or `too large`."),
    },
    doc: "A guardrail adds up a field of the call that holds no amount.",
    forOperators: ({ field, guardrail, what }) => `${field} cannot be read, which ${guardrail} adds up: ${what}`,
    forCaller: ONLY_CODE,
  }),
  history_full: final({
    code: "budget_exhausted",
    evidence: { guardrail: GUARDRAIL },
    doc: "A guardrail would have to remember more than a task tree may take up.",
    forOperators: ({ guardrail }) => `The guardrail ${guardrail} has reached its memory limit for this task`,
    forCaller: () => "The task cannot remember another value that it would have to remember for this call.",
  }),
  limit_unavailable: final({
    code: "unavailable",
    evidence: { guardrail: GUARDRAIL },
    doc: "The count that all users share is unavailable.",
    forOperators: ({ guardrail }) => `The shared limit ${guardrail} is unavailable`,
    forCaller: ONLY_CODE,
  }),
}
