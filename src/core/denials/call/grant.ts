/** Why the grants of a task, and of its ancestors, do not cover a call. */
import { NUMBER, optional, plain, TEXT, TEXTS, valueOf } from "../terms/evidence.ts"
import { ARGUMENT, CONSEQUENCE, SCOPE, TASK } from "./members.ts"
import { final, ONLY_CODE } from "./reason.ts"

export const GRANT_DENIALS = {
  tool_not_granted: final({
    code: "insufficient_scope",
    evidence: { scope: SCOPE, task: optional(TASK) },
    doc: "The grant of the task, or of one above it, does not contain the tool.",
    forOperators: ({ scope }) => `The grant of the task does not include ${scope}`,
    forCaller: ONLY_CODE,
  }),
  sensitivity_exceeded: final({
    code: "insufficient_scope",
    evidence: { scope: SCOPE, max: plain(TEXT, "Highest sensitivity of the grant."), task: TASK },
    doc: "The tool is more sensitive than the grant permits.",
    forOperators: ({ max }) => `The grant of the task is limited to the sensitivity ${max}`,
    forCaller: ONLY_CODE,
  }),
  environment_not_granted: final({
    code: "insufficient_scope",
    evidence: { scope: SCOPE, task: TASK },
    doc: "The grant is for other environments than the gateway's.",
    forOperators: ({ scope }) => `The grant of the task does not include ${scope} in this environment`,
    forCaller: ONLY_CODE,
  }),
  argument_out_of_bounds: final({
    code: "insufficient_scope",
    evidence: {
      scope: SCOPE,
      argument: ARGUMENT,
      bound: valueOf(
        "argument",
        "The bound that it violates, such as `max 100`; if a tool of the grant redacts the argument: `max [redacted]`.",
      ),
      stated: optional(
        valueOf(
          "argument",
          "What the token of the call states of the argument, in words. Absent if it states nothing.",
        ),
      ),
    },
    doc: "An argument violates a bound of the grant.",
    forOperators: ({ argument, bound }) => `The argument ${argument} is out of bounds (${bound})`,
    forCaller: ({ stated }) => (stated === undefined ? null : `The task's grant covers this call only if ${stated}.`),
  }),
  calls_exhausted: final({
    code: "budget_exhausted",
    evidence: { task: TASK, limit: plain(NUMBER, "Calls that the task may make.") },
    doc: "The task, or one above it, has made all the calls that it may make.",
    forOperators: ({ limit }) => `The task has used all of its ${limit} calls`,
    forCaller: () => "The task has made all the calls that it may make.",
  }),
  plan_left: final({
    code: "deviation",
    evidence: {
      task: TASK,
      expected: plain(TEXTS, "The tools that the plan permits now."),
      consequence: CONSEQUENCE,
    },
    doc: "The plan of the task, or of one above it, does not contain the call at this point.",
    forOperators: ({ expected }) => `The call is not in the plan of the task. Expected next: ${expected}`,
    forCaller: ONLY_CODE,
  }),
}
