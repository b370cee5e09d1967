/** Why the rules do not permit a call, or a revocation or a changed tool stops it. */
import * as z from "zod"
import { FLAG, NUMBER, plain, TEXT } from "../terms/evidence.ts"
import { MESSAGE, PRINCIPAL, RULES, SWITCH, TOOL } from "./members.ts"
import { final, ONLY_CODE, reason } from "./reason.ts"

export const POLICY_DENIALS = {
  stopped: final({
    code: "invalid_token",
    evidence: {
      switch: SWITCH,
      kind: plain(z.enum(["agent", "user", "issuer", "key", "everything"]), "What is revoked."),
    },
    doc: "An operator or a stream of security events has revoked the agent, the user, their identity provider, the key or everything.",
    forOperators: ({ kind, switch: id }) => `Suspended (${kind}, ${id})`,
    forCaller: ONLY_CODE,
  }),
  tool_stopped: final({
    code: "policy_denied",
    evidence: { switch: SWITCH, tool: TOOL },
    doc: "An operator has suspended the tool.",
    forOperators: ({ tool, switch: id }) => `The tool ${tool} is suspended (${id})`,
    forCaller: ONLY_CODE,
  }),
  tool_changed: final({
    code: "tool_changed",
    evidence: {
      tool: TOOL,
      pinned: plain(TEXT, "Hash of the tool as the catalog has it."),
      seen: plain(
        TEXT.nullable(),
        "Hash of the tool as it was observed last; null: more tools have changed than are remembered.",
      ),
    },
    doc: "The tool is not what it was when it was added to the catalog.",
    forOperators: ({ tool }) => `The definition of ${tool} has changed since it was added`,
    forCaller: ONLY_CODE,
  }),
  answer_not_permitted: final({
    code: "policy_denied",
    evidence: { answer: plain(TEXT, "The lifecycle tool that the answer is a call of.") },
    doc: "The call has an answer to a request of the MCP server (`inputResponses`) that is not granted or not permitted; by headers alone it may have one of each kind.",
    forOperators: ({ answer }) =>
      `The call has, or may have unseen, an answer to the server, ${answer}, which is not permitted`,
    forCaller: ONLY_CODE,
  }),
  completion_not_permitted: final({
    code: "policy_denied",
    evidence: { entry: plain(TEXT, "The entry of the prompt or the resource.") },
    doc: "`completion/complete` is about a prompt or a resource that is not granted or not permitted.",
    forOperators: ({ entry }) => `The call completes arguments of ${entry}, which is not permitted`,
    forCaller: ONLY_CODE,
  }),
  result_not_permitted: final({
    code: "policy_denied",
    evidence: {
      of: plain(TEXT, "The first tool, resource or prompt of the server that cannot be called, or the 501st."),
    },
    doc: "The call can return a result of any tool of the MCP server, and one of these is not granted, not in the plan, or not permitted without a further login or approval.",
    forOperators: ({ of }) => `The call can return a result of ${of}, which is not permitted`,
    forCaller: ONLY_CODE,
  }),
  agent_unregistered: reason({
    code: "policy_denied",
    decidedAnew: "registry",
    evidence: { agent: plain(TEXT, "The agent.") },
    doc: "An agent of the chain is not in agents.yaml.",
    forOperators: ({ agent }) => `The agent ${agent} is not registered`,
    forCaller: ONLY_CODE,
  }),
  policy_forbids: reason({
    code: "policy_denied",
    decidedAnew: "rules",
    evidence: { principal: PRINCIPAL, rules: RULES, message: MESSAGE },
    doc: "Rules forbid the call to the user or to an agent of the chain.",
    forOperators: ({ rules, principal }) => `Rule ${rules} denies this for ${principal}`,
    forCaller: ONLY_CODE,
  }),
  policy_permits_nothing: reason({
    code: "policy_denied",
    decidedAnew: "rules",
    evidence: { principal: PRINCIPAL },
    doc: "No rule permits the call to the user or to an agent of the chain.",
    forOperators: ({ principal }) => `No rule permits this for ${principal}`,
    forCaller: ONLY_CODE,
  }),
  step_up_required: reason({
    code: "step_up_required",
    decidedAnew: "rules",
    evidence: {
      principal: PRINCIPAL,
      rules: RULES,
      message: MESSAGE,
      acr_values: plain(TEXT.nullable(), "The `acr` that the user's session needs; null: any."),
      max_age: plain(NUMBER.nullable(), "Seconds that may have passed since the login; null: any."),
      bound: plain(FLAG, "Whether the token has to be bound to a key, or is: the challenge is for the scheme `DPoP`."),
    },
    doc: "Rules forbid the call unless the user logs in again, or more strongly (RFC 9470).",
    forOperators: ({ rules }) => `The person must sign in again, or more strongly (${rules})`,
    forCaller: ONLY_CODE,
  }),
  bound_key_required: reason({
    code: "invalid_token",
    decidedAnew: "rules",
    evidence: { principal: PRINCIPAL, rules: RULES, message: MESSAGE },
    doc: "Rules forbid the call unless its token is bound to a key (RFC 9449).",
    forOperators: ({ rules }) => `The token must be bound to a key (${rules})`,
    forCaller: ONLY_CODE,
  }),
}
