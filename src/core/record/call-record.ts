/** The record of one call: made where it was decided, in the ledger, or at the edge where no ledger was asked. */
import { argumentsDigest } from "../catalog/arguments.ts"
import type { Approval } from "../task/approval.ts"
import type { Call, Verdict } from "../decision/call.ts"
import { codeOf, type Denial } from "../denials/denial.ts"
import type { Segments } from "../catalog/route.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Pointer } from "../policy/bundle.ts"
import { actionRef, toolRef, userId } from "../policy/principals.ts"
import { shownFacts, notRecorded } from "./record-facts.ts"
import { bounded, type DecisionRecord, type RecordPlace, type ShadowResult, type UsedApproval } from "./record.ts"
import { redacted } from "./redaction.ts"

/** What the ledger is asked: the call, and what only the edge knows of it, for its record. */
export interface Ask extends Call {
  /** Of its target, without the query. */
  readonly path: string
  /** Which of its segments are arguments. */
  readonly segments: Segments
  /** Characters of what the arguments were read from. */
  readonly size: number
  readonly tokenHash: string
  /** The secret by which its record hashes the arguments; null: unavailable. It stands in no record. */
  readonly recordKey: string | null
  /** Milliseconds, by the edge's clock. */
  readonly receivedAt: number
  /** A bundle to try beside the one that decides. */
  readonly candidate: Pointer | null
}

/**
 * @param place of this record among those of its tree
 * @param now milliseconds, by the ledger's clock; where it and the edge's differ, durations never come out negative
 */
export function recordDecision(
  bundle: Bundle,
  ask: Omit<Ask, "candidate" | "risks" | "target">,
  { denial, evidence }: Verdict,
  candidate: ShadowResult | null,
  { life, number }: RecordPlace,
  now: number,
): DecisionRecord {
  const tool = bundle.catalog.tools.get(ask.tool)
  const { context } = evidence
  const { named, facts } = tool ? tellingOf(bundle, tool) : NOTHING_TOLD
  const redact = tool?.redact ?? []
  const shown = chosen(ask.arguments.values, named, brokenBy(denial))
  const told = {
    path: ask.path,
    arguments: shown,
    candidate: candidate && withoutFigures(candidate),
  }
  const total_ms = Math.max(0, now - ask.receivedAt)
  return bounded({
    ...redacted(told, redact, ask.segments, bundle.catalog.tools),
    id: ask.decisionId,
    at: now,
    life,
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
    arguments_hash: argumentsDigest(ask.arguments, ask.decisionId, ask.recordKey),
    arguments_omitted: ask.arguments.complete ? sizeOf(ask.arguments.values) - sizeOf(shown) : null,
    facts: context ? shownFacts(context, facts) : {},
    bundle: bundle.pointer,
    principal: evidence.principal,
    rules: evidence.rules,
    windows: evidence.windows,
    guardrails: evidence.guardrails,
    calls: evidence.calls,
    approvals: evidence.approvals.map(usedBy),
    labels: evidence.labels,
    listing: null,
    token_hash: ask.tokenHash,
    bound: ask.proof !== null,
    total_ms,
    // Where a Worker runs its clock stands still while code runs: all that it shows was spent waiting.
    io_ms: total_ms,
  })
}

const sizeOf = (members: object): number => Object.keys(members).length

function usedBy({ id, name, guardrail, votes }: Approval): UsedApproval {
  return { id, name, guardrail, by: votes.map(({ by }) => by) }
}

/** What records tell of calls of a tool. */
interface Telling {
  /** Arguments that a rule or a guardrail reads; `*` stands for all. */
  readonly named: ReadonlySet<string>
  /** Other members of the context that a rule reads. */
  readonly facts: ReadonlySet<string>
}

const NOTHING_TOLD: Telling = { named: new Set(), facts: new Set() }

/** Found once, not for each of its calls. */
function tellingOf(bundle: Bundle, tool: Tool): Telling {
  let ofBundle = tellings.get(bundle)
  if (!ofBundle) tellings.set(bundle, (ofBundle = new WeakMap()))
  let telling = ofBundle.get(tool)
  if (!telling) ofBundle.set(tool, (telling = findTelling(bundle, tool)))
  return telling
}
const tellings = new WeakMap<Bundle, WeakMap<Tool, Telling>>()

function findTelling({ engine, entities, guardrails }: Bundle, tool: Tool): Telling {
  const [action, resource] = [actionRef(tool.action), toolRef(tool.name)]
  return {
    named: new Set([...engine.readsFor(action, resource, entities), ...guardrails.reads(tool)]),
    facts: notRecorded(engine.factsFor(action, resource, entities)),
  }
}

/** A candidate may redact less than the catalog that decides, and no figure of its budgets decides anything. */
function withoutFigures(shadowResult: ShadowResult): ShadowResult {
  const denial = shadowResult.differs?.denial
  if (!shadowResult.differs || denial?.reason !== "budget_spent") return shadowResult
  return {
    ...shadowResult,
    differs: { ...shadowResult.differs, denial: { ...denial, used: null, asked: null, retry_after: null } },
  }
}

/**
 * The arguments named, as far as they are there.
 * @param broken one that broke a bound: without it the denial could not be explained
 */
function chosen(
  values: Readonly<Record<string, unknown>>,
  named: ReadonlySet<string>,
  broken: string | null,
): Readonly<Record<string, unknown>> {
  if (named.has("*")) return values
  return Object.fromEntries(Object.entries(values).filter(([name]) => named.has(name) || name === broken))
}

function brokenBy(denial: Denial | null): string | null {
  return denial?.reason === "argument_out_of_bounds" ? denial.argument : null
}
