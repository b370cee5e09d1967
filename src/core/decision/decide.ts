/**
 * Read this file second: the decision on one call, `decide(bundle, state, call, now) → { change, verdict }`, pure and
 * synchronous, run inside the ledger of the call's tree. It changes nothing itself. Only an allow comes with a change,
 * so nothing tentative ever exists and a denied call consumes nothing.
 */
import { NO_EVIDENCE, type Call, type Evidence, type DecisionResult } from "./call.ts"
import { checkBesides } from "./check-besides.ts"
import { checkApprovals } from "./check-approvals.ts"
import { checkTaskAlive, checkProof, checkToken, retryKey, retryOf } from "./check-credential.ts"
import { checkCalls, checkGrant } from "./check-grant.ts"
import { checkGuardrails, endBy, factsOf, observeDenial } from "./check-guardrails.ts"
import { observedChange } from "./observed-change.ts"
import { checkPlans, finishedBy } from "./check-plans.ts"
import { checkPolicy } from "./check-policy.ts"
import { checkResults } from "./check-results.ts"
import { riskOf } from "./risk.ts"
import { TaskMemories } from "./task-memories.ts"
import { withinWork } from "./within-work.ts"
import type { Denial } from "../denials/denial.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import { Work } from "../encoding/work.ts"
import type { CallFacts } from "../guardrails/field.ts"
import { labelsOf, pickedUp, pickUpsOf } from "../task/labels.ts"
import { ancestryOf, type TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TaskChange, TaskEnd } from "../task/change.ts"

/** For this long a gateway's retry is the same call: it gets the same answer, and counts once. */
const RETRY_WITHIN_MS = 5_000

/** @param work everything that evaluates the arguments of the call draws from it; a call that takes more is denied */
export function decide(
  bundle: Bundle,
  state: TreeState,
  call: Call,
  now: number,
  work: Work = new Work(),
): DecisionResult {
  return withinWork(call, work, (seen, meter, isTooMuch) => decideSeen(bundle, state, seen, now, meter, isTooMuch))
}

function decideSeen(
  bundle: Bundle,
  state: TreeState,
  call: Call,
  now: number,
  work: Work,
  isTooMuch: boolean,
): DecisionResult {
  const ancestry = ancestryOf(state, call.task)
  const [task, ...above] = ancestry
  if (!task) return resultWithoutChange({ reason: "task_unknown" }, NO_EVIDENCE)
  let evidence: Evidence = {
    ...NO_EVIDENCE,
    chain: ancestry.map((each) => each.agent).toReversed(),
    purpose: task.purpose,
    user: state.user,
    calls: { limit: task.grant.calls, used: task.calls },
    labels: [...labelsOf(state, ancestry, now)],
    carried: state.ledger.carried.size === 0 ? NO_EVIDENCE.carried : pickUpsOf(state, ancestry, now),
  }

  const retried = retryOf(state, call, now)
  const credential = checkTaskAlive(state, ancestry, now, retried) ?? checkToken(state, call, now)
  if (credential) return resultWithoutChange(credential, NO_EVIDENCE)
  if (retried) {
    return { ...resultWithoutChange(null, evidence), verdict: { denial: null, evidence, retryOf: retried.decisionId } }
  }
  const stale = call.proof && checkProof(state, call.token, call.proof, now)
  if (stale) return resultWithoutChange(stale, NO_EVIDENCE)
  const proof = call.proof && call.proof.jti
  const risk = riskOf(state, ancestry, call.risks, now)
  const memories = new TaskMemories(state, ancestry)
  const tool = bundle.catalog.tools.get(call.tool) ?? null
  /** In observe mode a denial has no consequence, but the call happens. */
  const happened = (): Pick<DecisionResult, "change" | "wants"> => {
    if (call.mode === "enforce" || !tool) return { change: null, wants: [] }
    const besides = (call.besides ?? []).flatMap((name) => bundle.catalog.tools.get(name) ?? [])
    const facts = (each: Tool): CallFacts => factsOf(state, task, each, call, risk, work)
    return observedChange(bundle, state, ancestry, [tool], facts, now, { besides, isTooMuch })
  }
  const denyWith = (denial: Denial, evidenceOfDenial: Evidence, end: TaskEnd | null = null): DecisionResult => {
    if (call.mode !== "enforce") return { ...resultWithoutChange(denial, evidenceOfDenial), proof, ...happened() }
    const facts = factsOf(state, task, tool, call, risk, work)
    const { memoryUpdates: denialUpdates, storm } = observeDenial(bundle, memories, facts, denial, now)
    const result = { ...resultWithoutChange(denial, evidenceOfDenial), proof, denialUpdates }
    return end ? { ...result, end } : { ...result, end: endBy(storm, task), storm }
  }

  if (!tool) return denyWith({ reason: "tool_unknown", called: call.tool }, evidence)
  if (isTooMuch) return denyWith({ reason: "work_exhausted" }, evidence)

  const grant = checkGrant(bundle.catalog.tools, ancestry, state.tokens.get(call.token), tool, call, now, work)
  if (grant) return denyWith(grant, evidence)

  const calls = tool.cost > 0 ? checkCalls(ancestry) : null
  if (calls) return denyWith(calls, evidence)

  const facts = factsOf(state, task, tool, call, risk, work)
  const guarded = checkGuardrails(bundle, state, memories, facts, now)
  evidence = { ...evidence, windows: guarded.windows, guardrails: guarded.uses }
  if (guarded.denial) return denyWith(guarded.denial, evidence)

  const policy = checkPolicy(bundle, state, [task, ...above], tool, call, risk, now, work)
  evidence = { ...evidence, context: policy.context }
  if ("denied" in policy) return denyWith(policy.denied, withPrincipal(policy.denied, evidence))

  const besides = checkBesides(bundle, state, [task, ...above], call, risk, now, work)
  if ("reason" in besides) return denyWith(besides, evidence)
  const results = checkResults(bundle, state, [task, ...above], tool, call, now, work)
  if (results) return denyWith(results, evidence)

  // Last of all: a call that would be denied anyway is no deviation.
  if (guarded.endingDenial) return denyWith(guarded.endingDenial, evidence, endBy(guarded.endingDenial, task))
  const isWork = !isLifecycle(tool)
  const plans = isWork ? checkPlans(ancestry, tool, task) : []
  const demands = [...policy.demands, ...guarded.demands]
  const approved = checkApprovals(state, bundle, [task, ...above], demands, facts, call, now)
  if ("denial" in approved) {
    const { denial, because, request } = approved
    const evidenceOfDenial = withPrincipal(because, evidence)
    // An approval is requested only if it would allow the call: the task's plan and shared limits deny the call
    // regardless.
    if (request && "denial" in plans) return denyWith(because, evidenceOfDenial)
    if (!request || call.mode === "observe") return denyWith(denial, evidenceOfDenial)
    const unknown = guarded.needs.filter(({ over, hasRoom }) => !over && !hasRoom)
    return {
      ...denyWith(denial, evidenceOfDenial),
      requestedApproval: request,
      wants: unknown.map((need) => Object.assign({}, need, { look: true })),
    }
  }
  if (demands.length > 0) evidence = { ...evidence, context: policy.granted, approvals: approved.approvals }
  if ("denial" in plans) return denyWith(plans.denial, evidence, plans.end)

  // Everything else would allow the call, so it is worth while to request the counts that all ledgers share.
  const { needs, memoryUpdates } = guarded
  const [need] = needs
  if (need) {
    const denial: Denial = { reason: "limit_unavailable", guardrail: need.limit.id }
    const { change } = happened()
    // As for any other denial, because the ledger may find that no count is available: `decide` does not use up a proof
    // while it requests counts.
    return { ...resultWithoutChange(denial, evidence), proof, change, needs }
  }

  const ids = ancestry.map((each) => each.id)
  const labels = besides.length === 0 ? tool.labels : [...new Set([tool, ...besides].flatMap((each) => each.labels))]
  const end = finishedBy(plans)
  const change: TaskChange = {
    at: now,
    counted: tool.cost > 0 ? ids : [],
    busy: isWork ? ids : [],
    plans: plans.map(({ task: { id }, progress }) => ({ task: id, progress })),
    approvals: approved.approvals,
    memoryUpdates,
    labels: labels.filter((label) => !state.labels.has(label)),
    carried: pickedUp(bundle, state, task, labels, call.decisionId, now),
    remember: call.retry && {
      key: retryKey(call.gateway, call.retry.requestId),
      task: task.id,
      finished: end && end.task,
      call: call.retry.call,
      decisionId: call.decisionId,
      until: now + RETRY_WITHIN_MS,
    },
  }
  const verdict = { denial: null, evidence: { ...evidence, rules: policy.rules }, retryOf: null }
  return { change, verdict, proof, end, requestedApproval: null, storm: null, denialUpdates: [], needs: [], wants: [] }
}

/** Adds the principal that was not permitted, and the policies that forbid it. */
function withPrincipal(denied: Denial, evidence: Evidence): Evidence {
  const principal = "principal" in denied ? denied.principal : null
  return { ...evidence, principal, rules: "rules" in denied ? denied.rules : [] }
}

/** @param denial null: a repeated call, which was allowed before */
export function resultWithoutChange(denial: Denial | null, evidence: Evidence): DecisionResult {
  const verdict = { denial, evidence, retryOf: null }
  return {
    change: null,
    verdict,
    proof: null,
    end: null,
    requestedApproval: null,
    storm: null,
    denialUpdates: [],
    needs: [],
    wants: [],
  }
}
