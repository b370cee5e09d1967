/** The record of one call: made where it was decided, in the ledger, or at the edge where no ledger was asked. */
import type { Call, Verdict } from "../call.ts"
import { codeOf, type Denial } from "../decision.ts"
import { argumentsHash } from "../canonical.ts"
import type { Segments } from "../catalog/route.ts"
import type { Bundle } from "../policy/assemble.ts"
import { nameOf } from "../guardrails/field.ts"
import type { Use } from "../guardrails/instrument.ts"
import type { Pointer } from "../policy/bundle.ts"
import { actionRef, toolRef, userId } from "../policy/facts.ts"
import { shownFacts } from "./facts.ts"
import { bounded, type DecisionRecord, type Tried } from "./record.ts"
import { redacted } from "./redaction.ts"

/** What the ledger is asked: the call, and what only the edge knows of it, for its record. */
export interface Ask extends Call {
  readonly method: string
  readonly path: string
  /** Which of its segments are arguments. */
  readonly segments: Segments
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
  ask: Omit<Ask, "candidate" | "risks">,
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
  const guarded = tool ? bundle.guardrails.reads(tool) : []
  const named = new Set([...reads, ...guarded, ...namesIn(denial)])
  // What was counted of an argument would tell it.
  const redact = new Set(tool?.redact)
  const tellsRedacted = (guardrail: string): boolean => {
    const found = bundle.guardrails.definitions.find(({ id }) => id === guardrail)
    return found?.kind === "limit" && "field" in found.measure && redact.has(nameOf(found.measure.field))
  }
  const isTelling = denial?.reason === "budget_spent" && tellsRedacted(denial.budget)
  const shownDenial = isTelling ? { ...denial, used: null, asked: null } : denial
  const told = {
    path: ask.path,
    arguments: chosen(ask.arguments.values, named),
    denial: shownDenial,
    candidate: candidate && withoutFigures(candidate, redact),
  }
  const total_ms = Math.max(0, now - ask.receivedAt)
  return bounded({
    ...redacted(told, tool?.redact ?? [], ask.segments),
    id: ask.decisionId,
    at: now,
    number,
    kind: "call",
    decision: denial ? "deny" : "allow",
    code: denial ? codeOf(denial) : "ok",
    mode: ask.mode,
    gateway: ask.gateway,
    environment: ask.environment,
    operator: null,
    method: ask.method,
    tool: ask.tool,
    action: tool?.action ?? null,
    sensitivity: tool?.sensitivity ?? null,
    task: ask.task,
    purpose: evidence.purpose,
    scope: null,
    audience: null,
    user: evidence.user && userId(evidence.user),
    groups: evidence.user?.groups ?? [],
    chain: evidence.chain,
    arguments_hash: argumentsHash(ask.arguments),
    facts: action && context ? shownFacts(context, engine.factsFor(action, resource, entities)) : {},
    bundle: bundle.pointer,
    principal: evidence.principal,
    rules: evidence.rules,
    windows: evidence.windows,
    guardrails: evidence.guardrails.map((use) => (tellsRedacted(use.guardrail) ? figureless(use) : use)),
    calls: evidence.calls,
    labels: evidence.labels,
    listing: null,
    token_hash: ask.tokenHash,
    bound: ask.proof !== null,
    total_ms,
    // Where a Worker runs its clock stands still while code runs: all that it shows was spent waiting.
    io_ms: total_ms,
  })
}

/** Which argument a candidate adds up its bundle says: where any is redacted, it might be that. */
function withoutFigures(tried: Tried, redact: ReadonlySet<string>): Tried {
  const denial = tried.differs?.denial
  if (redact.size === 0 || !tried.differs || denial?.reason !== "budget_spent") return tried
  return { ...tried, differs: { ...tried.differs, denial: { ...denial, used: null, asked: null } } }
}

function figureless({ guardrail, kind, holds, limit }: Use): Use {
  return { guardrail, kind, holds, ...(limit !== undefined && { limit }) }
}

/** The arguments named, as far as they are there. */
function chosen(
  values: Readonly<Record<string, unknown>>,
  named: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  return named.has("*") ? values : Object.fromEntries(Object.entries(values).filter(([name]) => named.has(name)))
}

/** An argument that broke a bound is shown too: without it the denial could not be explained. */
function namesIn(denial: Denial | null): readonly string[] {
  return denial?.reason === "argument_out_of_bounds" ? [denial.argument] : []
}
