/** The record of one call: made where it was decided, in the ledger, or at the edge where no ledger was asked. */
import type { Call, Verdict } from "../decide.ts"
import { codeOf, type Denial } from "../decision.ts"
import { argumentsHash } from "./canonical.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Pointer } from "../policy/bundle.ts"
import { actionRef, toolRef, userId } from "../policy/facts.ts"
import { shownFacts } from "./facts.ts"
import { bounded, MAX_SHOWN, shownArguments, type DecisionRecord, type Tried } from "./record.ts"

/** What the ledger is asked: the call, and what only the edge knows of it, for its record. */
export interface Ask extends Call {
  readonly method: string
  readonly path: string
  /** Characters of what the arguments were read from. */
  readonly size: number
  readonly tokenHash: string
  /** Milliseconds, by the edge's clock. */
  readonly receivedAt: number
  /** A bundle to try beside the one that decides. */
  readonly candidate: Pointer | null
}

/**
 * @param number of this record among those of its tree
 * @param now milliseconds, by the ledger's clock; where it and the edge's differ, durations never come out negative
 */
export function recordDecision(
  bundle: Bundle,
  ask: Omit<Ask, "candidate">,
  { denial, evidence }: Verdict,
  candidate: Tried | null,
  number: number,
  now: number,
): DecisionRecord {
  const tool = bundle.catalog.tools.get(ask.tool)
  const { engine, entities } = bundle
  const [action, resource] = tool ? [actionRef(tool.action), toolRef(tool.name)] : [null, null]
  const reads = action ? engine.readsFor(action, resource, entities) : []
  const { context } = evidence
  const total_ms = Math.max(0, now - ask.receivedAt)
  return bounded({
    id: ask.decisionId,
    at: now,
    number,
    kind: "call",
    decision: denial ? "deny" : "allow",
    code: denial ? codeOf(denial) : "ok",
    denial,
    mode: ask.mode,
    gateway: ask.gateway,
    environment: ask.environment,
    operator: null,
    method: ask.method,
    path: ask.path,
    tool: ask.tool,
    action: tool?.action ?? null,
    sensitivity: tool?.sensitivity ?? null,
    task: ask.task,
    purpose: evidence.purpose,
    scope: null,
    audience: null,
    user: evidence.user && userId(evidence.user),
    groups: evidence.user?.groups.slice(0, MAX_SHOWN) ?? [],
    chain: evidence.chain,
    arguments_hash: argumentsHash(ask.arguments),
    arguments: shownArguments(ask.arguments.values, [...reads, ...namesIn(denial)], tool?.redact ?? []),
    facts: action && context ? shownFacts(context, engine.factsFor(action, resource, entities)) : {},
    bundle: bundle.pointer,
    principal: evidence.principal,
    rules: evidence.rules,
    windows: evidence.windows,
    calls: evidence.calls,
    labels: evidence.labels,
    listing: null,
    candidate,
    token_hash: ask.tokenHash,
    bound: ask.proof !== null,
    total_ms,
    // Where a Worker runs its clock stands still while code runs: all that it shows was spent waiting.
    io_ms: total_ms,
  })
}

/** An argument that broke a bound is shown too: without it the denial could not be explained. */
function namesIn(denial: Denial | null): readonly string[] {
  return denial?.reason === "argument_out_of_bounds" ? [denial.argument] : []
}
