/**
 * How a bundle decides one call, and why: what grants cover, what the rules say about each principal, and which of them
 * decided. Nothing is decided here and nothing counted. Guardrails, which have a memory, are not evaluated for an
 * imagined call; for a recorded call they are evaluated by what its record shows.
 */
import { decide } from "../decision/decide.ts"
import { codeOf, type Denial } from "../denials/denial.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import { asksForOtherMethod, METHOD_IN_ARGUMENT } from "../catalog/method-override.ts"
import { allRoutes } from "../catalog/route.ts"
import type { Tool } from "../catalog/tool.ts"
import { NOTHING_REQUESTED, type RequestedGrant } from "../task/grant.ts"
import { risksOfTask, setRisk } from "../task/risks.ts"
import { ancestryOf } from "../task/state.ts"
import { isOAuthFailure, oauthErrorOf, type OAuthError, type OAuthFailure } from "../denials/oauth-error.ts"
import { guardrailsOf } from "../guardrails/guardrails.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Pointer } from "../policy/bundle.ts"
import { userId, type UserFacts } from "../policy/principals.ts"
import { rejudge } from "./rejudge.ts"
import { factsRead, isPermitted, type PolicyQuestion } from "./policy-question.ts"
import { questionOfRecord } from "./recorded-question.ts"
import { recreate } from "./recreated-call.ts"
import { seenRules, type PrincipalSeen, type RuleSeen } from "./rule-outcomes.ts"
import { beginTree, openRequest, openStep } from "./simulated-tree.ts"
import { writeRule } from "../policy/cedar/print-rule.ts"
import type { RecordedCall } from "./recorded-call.ts"
import { historyKeyOf } from "../guardrails/history-key.ts"

/** A call that no agent has made, in a task that is opened just for it. */
export interface ImaginedCall {
  readonly agent: string
  /** Null: the agent's first. */
  readonly purpose: string | null
  readonly user: UserFacts | null
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly gateway: string
  readonly environment: string
  /** The labels that its tree has picked up. */
  readonly labels: readonly string[]
  /** Calls that its task has made. */
  readonly calls: number
  /** From 0 to 100. */
  readonly risk: number
  readonly boundKey: boolean
  /** Names of the approvals that it has. */
  readonly approvals: readonly string[]
}

export interface Explanation {
  readonly bundle: Pointer
  /** `untold`: it depends on what the record does not contain. `apart`: rules did not decide it, and would not. */
  readonly decision: "allow" | "deny" | "untold" | "apart"
  /** `ok`, or the code of the denial on the wire. */
  readonly code: string | null
  readonly denial: Denial | OAuthError | { readonly reason: string } | null
  /** Whether a task of the purpose would be opened for it. Null for a recorded call, whose task was open. */
  readonly granted: boolean | null
  /** What the rules say, whatever grants cover. Null if they could not be evaluated. */
  readonly policy: PolicyExplained | null
  /** What rules read, and the record does not contain. */
  readonly untold: readonly string[]
  /** Guardrails with which the call is assumed to comply, because nothing shows their state. */
  readonly guardrails_untold: readonly string[]
}

export interface PolicyExplained {
  readonly permitted: boolean
  readonly principals: readonly PrincipalExplained[]
  /** What the rules for the tool read, by its name in the context. */
  readonly read: Readonly<Record<string, unknown>>
  /** Text of the rules named, by id. */
  readonly rules: Readonly<Record<string, string>>
}

interface PrincipalExplained extends PrincipalSeen {
  /** The number of further rules that are left out, because there are too many. */
  readonly more: number
}

const ROOT = "tsk_imagined"
const TOKEN = "token"
/** Thumbprint of the agent's key, if it has one. */
const KEY = "thumbprint"

export function explainImagined(bundle: Bundle, call: ImaginedCall, now: number): Explanation {
  const purpose = call.purpose ?? bundle.agents.get(call.agent)?.purposes[0] ?? null
  const imagined = { ...call, purpose }
  const tool = bundle.catalog.tools.get(imagined.tool)
  const notEvaluated = tool ? bundle.guardrails.about(tool).applying.map(({ guardrail }) => guardrail.id) : []
  const nothing = { bundle: bundle.pointer, policy: null, untold: [], guardrails_untold: notEvaluated }
  if (!tool) {
    const denial = { reason: "tool_unknown", called: imagined.tool } as const
    return { ...nothing, ...denied(denial), granted: false }
  }
  const policy = policyOf(recordOfImagined(imagined, now), bundle)
  const granted = answerByGrant(bundle, imagined, tool, now)
  if (isOAuthFailure(granted)) {
    const { refused: denial } = granted
    return { ...nothing, decision: "deny", code: oauthErrorOf(denial), denial, granted: false, policy }
  }
  const denial = methodDenial(imagined, bundle) ?? granted.denial
  return { ...nothing, ...(denial ? denied(denial) : ALLOWED), granted: true, policy }
}

/** A call is denied if an argument asks for another method than its own: here, for none of the tool's routes. */
function methodDenial({ tool, arguments: args }: ImaginedCall, { catalog }: Bundle): Denial | null {
  const methods = allRoutes(catalog.routes).flatMap(({ definition }) =>
    definition.tool === tool ? definition.methods : [],
  )
  const isOther = (method: string) =>
    Object.entries(args).some(([name, value]) => asksForOtherMethod(name, value, method))
  return methods.length > 0 && methods.every(isOther) ? METHOD_IN_ARGUMENT : null
}

/** @param recordedBy the bundle that decided it, if it is available */
export function explainRecorded(
  record: RecordedCall & { readonly code: string },
  bundle: Bundle,
  recordedBy: Bundle | null,
): Explanation {
  const { judged, guardrailsNotRecorded: guardrails_untold } = rejudge(record, bundle, recordedBy)
  const common = { bundle: bundle.pointer, granted: null, guardrails_untold }
  const recorded = questionOfRecord(record, bundle, recordedBy)
  const policy = recorded?.question ? explained(recorded.question) : null
  const notRecorded = recorded?.notRecorded ?? []
  switch (judged.kind) {
    case "same": {
      const decision = record.code === "ok" ? "allow" : "deny"
      return { ...common, decision, code: record.code, denial: record.denial, policy, untold: notRecorded }
    }
    case "flips": {
      const { code, reason } = judged.to
      const decision = code === "ok" ? "allow" : "deny"
      return { ...common, decision, code, denial: reason === null ? null : { reason }, policy, untold: notRecorded }
    }
    case "untold":
      return { ...common, decision: "untold", code: null, denial: null, policy, untold: judged.what }
    case "apart":
      return { ...common, decision: "apart", code: null, denial: null, policy, untold: notRecorded }
    default:
      return judged satisfies never
  }
}

const ALLOWED = { decision: "allow", code: "ok", denial: null } as const
const denied = (denial: Denial) => ({ decision: "deny", code: codeOf(denial), denial }) as const

/** Opens a task that requests this tool alone, and makes the call in it; or says why there is no such task. */
function answerByGrant(
  bundle: Bundle,
  imagined: ImaginedCall,
  tool: Tool,
  now: number,
): OAuthFailure | { readonly denial: Denial | null } {
  const { agent, purpose, user, boundKey } = imagined
  const state = beginTree(bundle.pointer, ROOT, user, now)
  const jkt = boundKey ? KEY : null
  const requested = askFor(tool)
  const opened = openStep(bundle, state, openRequest(agent, state, TOKEN, { purpose, asked: requested, jkt }), now)
  if (isOAuthFailure(opened)) return opened
  // The call, and everything that its tree has done, are those of a recorded one; its task is this one.
  const again = recreate(recordOfImagined(imagined, now), bundle, bundle)
  if (!again) return { denial: { reason: "task_unknown" } }
  for (const label of imagined.labels) state.labels.add(label)
  const [signal = null] = risksOfTask(again.state.ledger.risks, ancestryOf(again.state, again.call.task))
  setRisk(state.ledger.risks, historyKeyOf(agent), ROOT, signal, now)
  for (const [id, approval] of again.state.approvals) state.approvals.set(id, approval)
  const task = state.tasks.get(ROOT)
  if (task) task.calls = imagined.calls
  const unguarded = { ...bundle, guardrails: guardrailsOf([], []) }
  return { denial: decide(unguarded, state, again.call, now).verdict.denial }
}

/** Lifecycle tools of an MCP server come with any other of its tools, and cannot be requested. */
function askFor(tool: Tool): RequestedGrant {
  if (isLifecycle(tool)) return NOTHING_REQUESTED
  const { name, action } = tool
  return { ...NOTHING_REQUESTED, parts: [{ scopes: [{ pattern: name, action }], maxSensitivity: null, bounds: {} }] }
}

/** The record that such a call would have, with everything that rules may read. */
function recordOfImagined(imagined: ImaginedCall, now: number): RecordedCall {
  const { user, risk, calls } = imagined
  const { auth_time } = user ?? {}
  return {
    id: "dec_imagined",
    at: now,
    kind: "call",
    denial: null,
    task: ROOT,
    tool: imagined.tool,
    purpose: imagined.purpose,
    user: user && userId(user),
    groups: user?.groups ?? [],
    chain: [imagined.agent],
    gateway: imagined.gateway,
    environment: imagined.environment,
    arguments: imagined.arguments,
    arguments_omitted: 0,
    facts: {
      risk,
      "task.age": 0,
      "task.tree_calls": calls,
      "session.acr": user?.acr ?? null,
      "session.auth_age": auth_time === undefined ? null : Math.max(0, Math.floor(now / 1000) - auth_time),
    },
    calls: { used: calls, limit: null },
    labels: imagined.labels,
    bound: imagined.boundKey,
    windows: [],
    guardrails: [],
    approvals: imagined.approvals.map((name) => ({ name, guardrail: null })),
  }
}

function policyOf(record: RecordedCall, bundle: Bundle): PolicyExplained | null {
  const recorded = questionOfRecord(record, bundle)
  return recorded?.question ? explained(recorded.question) : null
}

/** Of a principal; those that decided come first. */
const MAX_RULES = 60
/** Characters of the text of one rule. */
const MAX_TEXT = 6_000

function explained(question: PolicyQuestion): PolicyExplained {
  const principals = seenRules(question).map(({ principal, allowed, rules }) => {
    const listed = rules.toSorted((a, b) => weight(b) - weight(a)).slice(0, MAX_RULES)
    return { principal, allowed, rules: listed, more: rules.length - listed.length }
  })
  const ids = new Set(principals.flatMap(({ rules }) => rules.map(({ id }) => id)))
  const texts = Array.from(question.bundle.engine.written(ids), ({ rule, scope }): [string, string] => {
    const text = writeRule(rule, scope)
    return [rule.id, text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text]
  })
  const rules = Object.fromEntries(texts)
  return { permitted: isPermitted(question), principals, read: factsRead(question), rules }
}

function weight({ determined, outcome }: RuleSeen): number {
  if (determined) return 3
  return outcome === "is about others" ? 0 : outcome === "errs" ? 2 : 1
}
