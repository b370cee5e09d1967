/**
 * What whoever answers is told besides the call itself: what asks, the risk that is told of it, and what the agents of
 * its tree have called so far. What cannot be known is null, and never looks like nothing.
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
import { toldOf } from "../core/signals/leased-risks.ts"

/** Of the whole tree, the latest. */
const MOST_CALLS = 50

/** @param reported risk, 0 to 100, of its task and those above it */
export async function situationOf(asked: Approval, reported: number, bundle: Bundle, context: RequestContext) {
  const [risk, history] = await Promise.all([riskOf(asked, reported, context), historyOf(asked.task, context)])
  return { reason: reasonOf(asked, bundle), risk, history }
}

/** By the newest bundle, in which what asked may be there no more. */
function reasonOf({ rules, guardrail, figures }: Approval, { engine, guardrails }: Bundle) {
  const definition = guardrails.definitions.find(({ id }) => id === guardrail)
  // The catalog may redact an argument by now that they tell.
  const isTelltale = guardrail !== null && guardrails.telltales.has(guardrail)
  const texts = new Map(Array.from(engine.written(rules), ({ rule, scope }) => [rule.id, writeRule(rule, scope)]))
  return {
    rules: rules.map((id) => {
      const policy = engine.rule(id)?.policy
      const text = texts.get(id)
      if (!isNode(policy)) return { id }
      return { id, annotations: policy.annotations ?? {}, ...(text !== undefined && { text }), policy }
    }),
    guardrail: definition ? writtenGuardrail(definition) : null,
    figures: isTelltale ? null : figures,
  }
}

async function riskOf({ shown }: Approval, reported: number, context: RequestContext): Promise<number | null> {
  const lease = await currentLease(context)
  if (!lease) return null
  const others = toldOf(lease.risks, shown.chain, shown.user).map(({ signal }) => signal)
  return Math.max(reported, highestRisk(others, context.receivedAt))
}

/** Without any argument: the record of a call may be for others to read. */
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
