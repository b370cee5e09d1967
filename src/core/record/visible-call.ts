/**
 * The part of a call that its record may show. Arguments are selected and redacted here, and the rest of the record is
 * made only from the result, so a new field cannot disclose an argument that the catalog redacts.
 */
import { argumentsDigest } from "../catalog/arguments-hash.ts"
import type { Segments } from "../catalog/route.ts"
import type { TraceParent } from "../encoding/trace-context.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Call, Evidence, Verdict } from "../decision/call.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Pointer } from "../policy/bundle.ts"
import { argumentsJudgedBy, namedBoundsFor } from "../policy/named-bounds.ts"
import { actionRef, toolRef } from "../policy/principals.ts"
import type { Approval } from "../task/approval.ts"
import type { DecisionRecord, ShadowResult, UsedApproval } from "./fields.ts"
import type { Steps } from "./fields/trace.ts"
import { notRecorded, shownFacts } from "./record-facts.ts"
import { redacted, type RedactableParts } from "./redaction.ts"

/** The call as it is sent to the ledger, with the facts of its record that only the edge knows. */
export interface LedgerCall extends Call {
  /** The path of the target, without the query. */
  readonly path: string
  /** Which of its segments are arguments. */
  readonly segments: Segments
  /** Characters of the text from which the arguments were read. */
  readonly size: number
  readonly tokenHash: string
  /** The secret key of the hash of the arguments. Null if it is unavailable. No record contains it. */
  readonly recordKey: string | null
  /** Milliseconds since the epoch, by the edge's clock. */
  readonly receivedAt: number
  /** A bundle to evaluate beside the deciding one. Null if there is none. */
  readonly candidate: Pointer | null
  /** As of `Located`. */
  readonly mcpMethod?: string
  /** Of the span that sent the request. Absent if none did. */
  readonly trace?: TraceParent
  /** What it has waited for before it was sent to the ledger. Absent if nothing. */
  readonly steps?: Steps
}
export type CallToRecord = Omit<LedgerCall, "candidate" | "risks" | "target">

export interface VisibleCall
  extends
    RedactableParts,
    Pick<
      CallToRecord,
      "decisionId" | "task" | "tool" | "method" | "gateway" | "environment" | "mode" | "tokenHash" | "receivedAt"
    >,
    Omit<Evidence, "context" | "approvals">,
    Pick<DecisionRecord, "arguments_hash" | "arguments_omitted" | "facts" | "approvals" | "trace" | "steps"> {
  readonly isBound: boolean
  readonly mcpMethod: DecisionRecord["mcp_method"]
}

export function visibleCall(
  bundle: Bundle,
  ask: CallToRecord,
  { denial, evidence }: Verdict,
  candidate: ShadowResult | null,
): VisibleCall {
  const tool = bundle.catalog.tools.get(ask.tool)
  const { named, facts } = tool ? partsReadOf(bundle, tool) : NOTHING_READ
  const { context, approvals } = evidence
  const selected = selectArguments(ask.arguments.values, named, brokenBy(denial))
  const redactable: RedactableParts = { path: ask.path, arguments: selected, denial, candidate }
  const by = { redact: tool?.redact ?? [], segments: ask.segments, tools: bundle.catalog.tools }
  const shown = redacted(redactable, by)
  return {
    path: shown.path,
    arguments: shown.arguments,
    denial: shown.denial,
    candidate: shown.candidate,
    chain: evidence.chain,
    purpose: evidence.purpose,
    user: evidence.user,
    principal: evidence.principal,
    rules: evidence.rules,
    windows: evidence.windows,
    guardrails: evidence.guardrails,
    calls: evidence.calls,
    labels: evidence.labels,
    carried: evidence.carried,
    decisionId: ask.decisionId,
    task: ask.task,
    tool: ask.tool,
    method: ask.method,
    mcpMethod: ask.mcpMethod ?? null,
    gateway: ask.gateway,
    environment: ask.environment,
    mode: ask.mode,
    tokenHash: ask.tokenHash,
    receivedAt: ask.receivedAt,
    isBound: ask.proof !== null,
    arguments_hash: argumentsDigest(ask.arguments, ask.decisionId, ask.recordKey),
    arguments_omitted: ask.arguments.complete ? sizeOf(ask.arguments.values) - sizeOf(selected) : null,
    facts: context ? shownFacts(context, facts) : {},
    approvals: approvals.map(usedBy),
    trace: ask.trace ?? null,
    steps: ask.steps ?? NO_STEPS,
  }
}

const NO_STEPS: Steps = {}

const sizeOf = (members: object): number => Object.keys(members).length

function usedBy({ id, name, guardrail, votes }: Approval): UsedApproval {
  return { id, name, guardrail, by: votes.map(({ by }) => by) }
}

/** The parts of calls of a tool that rules and guardrails read, which a record shows. */
interface ReadParts {
  /** Arguments that a rule or a guardrail reads; `*` stands for all. */
  readonly named: ReadonlySet<string>
  /** Other members of the context that a rule reads. */
  readonly facts: ReadonlySet<string>
}

const NOTHING_READ: ReadParts = { named: new Set(), facts: new Set() }

/** Computed once for each tool, not for each call. */
function partsReadOf(bundle: Bundle, tool: Tool): ReadParts {
  let ofBundle = partsRead.get(bundle)
  if (!ofBundle) partsRead.set(bundle, (ofBundle = new WeakMap()))
  let parts = ofBundle.get(tool)
  if (!parts) ofBundle.set(tool, (parts = findPartsRead(bundle, tool)))
  return parts
}
const partsRead = new WeakMap<Bundle, WeakMap<Tool, ReadParts>>()

function findPartsRead(bundle: Bundle, tool: Tool): ReadParts {
  const { engine, entities, guardrails } = bundle
  const [action, resource] = [actionRef(tool.action), toolRef(tool.name)]
  return {
    named: new Set([
      ...engine.readsFor(action, resource, entities),
      ...argumentsJudgedBy(namedBoundsFor(bundle, action, resource, entities)),
      ...guardrails.reads(tool),
      // The ids of what an MCP server keeps: by nothing else does a record say which result was returned.
      ...(isLifecycle(tool) ? ["*"] : []),
    ]),
    facts: notRecorded(engine.factsFor(action, resource, entities)),
  }
}

/**
 * Selects the named arguments, if they are present.
 * @param broken an argument that broke a bound; without it, the denial could not be explained
 */
function selectArguments(
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
