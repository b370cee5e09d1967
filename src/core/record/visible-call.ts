/**
 * A call as far as its record may show it. Here the arguments are chosen and redacted; what fills the record afterwards
 * gets no argument but these, so a new field cannot show one that the catalog redacts.
 */
import { argumentsDigest } from "../catalog/arguments.ts"
import type { Segments } from "../catalog/route.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Call, Evidence, Verdict } from "../decision/call.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Pointer } from "../policy/bundle.ts"
import { actionRef, toolRef } from "../policy/principals.ts"
import type { Approval } from "../task/approval.ts"
import type { DecisionRecord, ShadowResult, UsedApproval } from "./fields.ts"
import { notRecorded, shownFacts } from "./record-facts.ts"
import { redacted, type Telling } from "./redaction.ts"

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
export type RecordedAsk = Omit<Ask, "candidate" | "risks" | "target">

export interface VisibleCall
  extends
    Telling,
    Pick<
      RecordedAsk,
      "decisionId" | "task" | "tool" | "method" | "gateway" | "environment" | "mode" | "tokenHash" | "receivedAt"
    >,
    Omit<Evidence, "context" | "approvals">,
    Pick<DecisionRecord, "arguments_hash" | "arguments_omitted" | "facts" | "approvals"> {
  readonly isBound: boolean
}

export function visibleCall(
  bundle: Bundle,
  ask: RecordedAsk,
  { denial, evidence }: Verdict,
  candidate: ShadowResult | null,
): VisibleCall {
  const tool = bundle.catalog.tools.get(ask.tool)
  const { named, facts } = tool ? partsReadOf(bundle, tool) : NOTHING_READ
  const { context, approvals, ...open } = evidence
  const shown = chosen(ask.arguments.values, named, brokenBy(denial))
  const telling: Telling = { path: ask.path, arguments: shown, denial, candidate }
  const by = { redact: tool?.redact ?? [], segments: ask.segments, tools: bundle.catalog.tools }
  return {
    ...open,
    ...redacted(telling, by),
    decisionId: ask.decisionId,
    task: ask.task,
    tool: ask.tool,
    method: ask.method,
    gateway: ask.gateway,
    environment: ask.environment,
    mode: ask.mode,
    tokenHash: ask.tokenHash,
    receivedAt: ask.receivedAt,
    isBound: ask.proof !== null,
    arguments_hash: argumentsDigest(ask.arguments, ask.decisionId, ask.recordKey),
    arguments_omitted: ask.arguments.complete ? sizeOf(ask.arguments.values) - sizeOf(shown) : null,
    facts: context ? shownFacts(context, facts) : {},
    approvals: approvals.map(usedBy),
  }
}

const sizeOf = (members: object): number => Object.keys(members).length

function usedBy({ id, name, guardrail, votes }: Approval): UsedApproval {
  return { id, name, guardrail, by: votes.map(({ by }) => by) }
}

/** What of calls of a tool the rules and guardrails read: a record shows that. */
interface ReadParts {
  /** Arguments that a rule or a guardrail reads; `*` stands for all. */
  readonly named: ReadonlySet<string>
  /** Other members of the context that a rule reads. */
  readonly facts: ReadonlySet<string>
}

const NOTHING_READ: ReadParts = { named: new Set(), facts: new Set() }

/** Found once, not for each of its calls. */
function partsReadOf(bundle: Bundle, tool: Tool): ReadParts {
  let ofBundle = partsRead.get(bundle)
  if (!ofBundle) partsRead.set(bundle, (ofBundle = new WeakMap()))
  let parts = ofBundle.get(tool)
  if (!parts) ofBundle.set(tool, (parts = findPartsRead(bundle, tool)))
  return parts
}
const partsRead = new WeakMap<Bundle, WeakMap<Tool, ReadParts>>()

function findPartsRead({ engine, entities, guardrails }: Bundle, tool: Tool): ReadParts {
  const [action, resource] = [actionRef(tool.action), toolRef(tool.name)]
  return {
    named: new Set([...engine.readsFor(action, resource, entities), ...guardrails.reads(tool)]),
    facts: notRecorded(engine.factsFor(action, resource, entities)),
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

function brokenBy(denial: Verdict["denial"]): string | null {
  return denial?.reason === "argument_out_of_bounds" ? denial.argument : null
}
