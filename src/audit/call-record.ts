/** The record of one call: made where it was decided, in the ledger, or at the edge where no ledger was asked. */
import type { Call, Verdict } from "../decide.ts"
import { codeOf, type Denial } from "../decision.ts"
import type { Bundle } from "../policy/assemble.ts"
import { actionRef, readsOf, toolRef, userId } from "../policy/facts.ts"
import { recordOf, shownArguments, type DecisionRecord } from "./record.ts"

/** What only the edge knows of a call, for its record. */
export interface Circumstances {
  readonly method: string
  readonly path: string
  readonly mode: "enforce" | "observe"
  readonly argumentsHash: string | null
  readonly tokenHash: string
  /** Milliseconds, by the edge's clock. */
  readonly receivedAt: number
  readonly sentAt: number
  /** Milliseconds that the edge waited for keys and for KV. */
  readonly waited: number
}

/** What the ledger is asked. */
export interface Ask {
  readonly call: Call
  readonly circumstances: Circumstances
}

/** @param now milliseconds, by the ledger's clock; where it and the edge's differ, durations never come out negative */
export function recordDecision(bundle: Bundle, ask: Ask, verdict: Verdict, now: number): DecisionRecord {
  const { call, circumstances } = ask
  const { denial, evidence } = verdict
  const tool = bundle.catalog.tools.get(call.tool)
  const reads = tool ? readsOf(bundle.engine.rulesFor(actionRef(tool.action), toolRef(tool.name), bundle.entities)) : []
  return recordOf({
    id: call.decisionId,
    at: now,
    kind: "call",
    decision: denial ? "deny" : "allow",
    code: denial ? codeOf(denial) : "ok",
    denial,
    mode: circumstances.mode,
    gateway: call.gateway,
    environment: call.environment,
    method: circumstances.method,
    path: circumstances.path,
    tool: call.tool,
    action: tool?.action ?? null,
    sensitivity: tool?.sensitivity ?? null,
    task: call.task,
    purpose: evidence.purpose,
    user: evidence.user && userId(evidence.user),
    chain: evidence.chain,
    arguments_hash: circumstances.argumentsHash,
    arguments: shownArguments(call.arguments.values, [...reads, ...namesIn(denial)], tool?.redact ?? []),
    bundle: bundle.pointer,
    principal: evidence.principal,
    rules: evidence.rules,
    windows: evidence.windows,
    calls: evidence.calls,
    labels: evidence.labels,
    token_hash: circumstances.tokenHash,
    bound: call.proof !== null,
    total_ms: Math.max(0, now - circumstances.receivedAt),
    io_ms: Math.max(0, circumstances.waited + now - circumstances.sentAt),
  })
}

/** An argument that broke a bound is shown too: without it the denial could not be explained. */
function namesIn(denial: Denial | null): readonly string[] {
  return denial?.reason === "argument_out_of_bounds" ? [denial.argument] : []
}
