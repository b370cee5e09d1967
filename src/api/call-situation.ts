/**
 * What an approver sees besides the call itself: the rule or guardrail that requires the approval, the reported risk,
 * and the calls of the task tree so far. A part that cannot be read is null, never an empty list.
 */
import type { Approval } from "../core/task/approval.ts"
import { findRecords } from "../audit/record-logs.ts"
import { highestRisk } from "../core/guardrails/risk.ts"
import { writtenGuardrail } from "../core/guardrails/kinds.ts"
import { writeRule } from "../core/policy/cedar/print-rule.ts"
import { rootOf } from "../core/task/state.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { isNode } from "../core/policy/cedar/est.ts"
import type { RequestContext } from "../request-context.ts"
import { currentLease } from "../revocation/lease.ts"
import { reportedRisksOf } from "../core/signals/leased-risks.ts"

/** How many calls of the whole tree the history has, the latest first. */
const MOST_CALLS = 50

/** @param reported risk, 0 to 100, of the task and its ancestors */
export async function situationOf(approval: Approval, reported: number, bundle: Bundle, context: RequestContext) {
  const [risk, history] = await Promise.all([riskOf(approval, reported, context), historyOf(approval.task, context)])
  return { reason: reasonOf(approval, bundle), risk, history }
}

/** Describes the cause according to the newest bundle, which may no longer contain the rule or guardrail. */
function reasonOf({ rules, guardrail, figures }: Approval, { engine, guardrails }: Bundle) {
  const definition = guardrails.definitions.find(({ id }) => id === guardrail)
  // The figures would reveal an argument that the catalog has come to redact since.
  const isDisclosing = guardrail !== null && guardrails.figuresHidden.has(guardrail)
  const texts = new Map(Array.from(engine.written(rules), ({ rule, scope }) => [rule.id, writeRule(rule, scope)]))
  return {
    rules: rules.map((id) => {
      const policy = engine.rule(id)?.policy
      const text = texts.get(id)
      if (!isNode(policy)) return { id }
      return { id, annotations: policy.annotations ?? {}, ...(text !== undefined && { text }), policy }
    }),
    guardrail: definition ? writtenGuardrail(definition) : null,
    figures: isDisclosing ? null : figures,
  }
}

async function riskOf({ shown: call }: Approval, reported: number, context: RequestContext): Promise<number | null> {
  const lease = await currentLease(context)
  if (!lease) return null
  const others = reportedRisksOf(lease.risks, call.chain, call.user).map(({ signal }) => signal)
  return Math.max(reported, highestRisk(others, context.receivedAt))
}

/** The history has no arguments: not everyone who may approve a call may read the records of the others. */
async function historyOf(task: string, { env }: RequestContext) {
  try {
    const calls = await findRecords(env, { tree: rootOf(task), kind: "call", limit: MOST_CALLS })
    return calls.map(({ id, at, task: by, tool, action, decision, code, chain }) => ({
      id,
      at,
      task: by,
      tool,
      action,
      decision,
      code,
      chain,
    }))
  } catch (error) {
    logEvent("history_not_read", { error: String(error) })
    return null
  }
}
