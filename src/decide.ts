/**
 * READ SECOND. The decision on one call: `decide(bundle, state, call, now) → { change, verdict }`, pure and
 * synchronous, run inside the ledger of the call's tree. It changes nothing itself; only an allow comes with a change,
 * so that nothing tentative ever exists and a denied call consumes nothing.
 */
import { NO_EVIDENCE, type Call, type Change, type End, type Evidence, type Outcome } from "./call.ts"
import { checkAlive, checkProof, checkToken, retryKey, retryOf } from "./check/credential.ts"
import { checkCalls, checkGrant } from "./check/grant.ts"
import { checkPlans, finishedBy } from "./check/plan.ts"
import { checkPolicy } from "./check/policy.ts"
import { riskOf } from "./check/risk.ts"
import type { Denial } from "./decision.ts"
import { isLifecycle } from "./exchange/grant.ts"
import { AdmissionLog, windowKey, type WindowUse } from "./guardrails/window.ts"
import { lineOf, type TreeState } from "./ledger/state.ts"
import type { Bundle } from "./policy/assemble.ts"

/** How long a gateway's retry is still the same call (DESIGN §2, promise 4). */
const RETRY_WITHIN_MS = 5_000

export function decide(bundle: Bundle, state: TreeState, call: Call, now: number): Outcome {
  const line = lineOf(state, call.task)
  const [task, ...above] = line
  if (!task) return refused({ reason: "task_unknown" }, NO_EVIDENCE)
  let evidence: Evidence = {
    ...NO_EVIDENCE,
    chain: line.map((each) => each.agent).toReversed(),
    purpose: task.purpose,
    user: state.user,
    calls: { used: task.calls, limit: task.grant.calls },
    labels: [...state.labels],
  }

  const retried = retryOf(state, call, now)
  const ended = checkAlive(state, line, now)
  // The very call that finished the plan may be asked about again: its gateway's own try was cut.
  const isLast = retried !== null && task.endedBy === "plan"
  const credential = (isLast ? null : ended) ?? checkToken(state, call, now)
  if (credential) return refused(credential, evidence)
  if (retried !== null) return { ...refused(null, evidence), verdict: { denial: null, evidence, retryOf: retried } }
  const stale = call.proof && checkProof(state, call.proof, now)
  if (stale) return refused(stale, evidence)
  const proof = call.proof && call.proof.jti
  const refuse = (denial: Denial, told: Evidence, end: End | null = null): Outcome => ({
    ...refused(denial, told),
    proof,
    end,
  })

  const tool = bundle.catalog.tools.get(call.tool)
  if (!tool) return refuse({ reason: "tool_unknown", called: call.tool }, evidence)

  const grant = checkGrant(line, tool, call)
  if (grant) return refuse(grant, evidence)

  const calls = tool.cost > 0 ? checkCalls(line) : null
  if (calls) return refuse(calls, evidence)

  const windows = bundle.windowsOf(tool.name).map((definition) => ({ definition, key: windowKey(definition, task.id) }))
  const uses = windows.map(({ definition, key }) => (state.windows.get(key) ?? new AdmissionLog()).use(definition, now))
  evidence = { ...evidence, windows: uses }
  const full = fullest(uses)
  if (full) return refuse(full, evidence)

  const risk = riskOf(state, line, call.risks, now)
  const policy = checkPolicy(bundle, state, [task, ...above], tool, call, risk, now)
  const { context } = policy
  evidence = { ...evidence, context }
  if ("denied" in policy) {
    const { denied } = policy
    const principal = "principal" in denied ? denied.principal : null
    return refuse(denied, { ...evidence, principal, rules: "rules" in denied ? denied.rules : [] })
  }

  // Last of all: a call that would be refused anyway is no deviation.
  const isWork = !isLifecycle(tool)
  const plans = isWork ? checkPlans(line, tool, task) : []
  if ("denial" in plans) return refuse(plans.denial, evidence, call.mode === "enforce" ? plans.end : null)

  const ids = line.map((each) => each.id)
  const change: Change = {
    at: now,
    counted: tool.cost > 0 ? ids : [],
    busy: isWork ? ids : [],
    plans: plans.map(({ task: { id }, progress }) => ({ task: id, progress })),
    windows,
    labels: tool.labels.filter((label) => !state.labels.has(label)),
    remember: call.retry && {
      key: retryKey(call.gateway, call.retry.requestId),
      call: call.retry.call,
      decisionId: call.decisionId,
      until: now + RETRY_WITHIN_MS,
    },
  }
  const verdict = { denial: null, evidence: { ...evidence, rules: policy.rules }, retryOf: null }
  return { change, verdict, proof, end: finishedBy(plans) }
}

function refused(denial: Denial | null, evidence: Evidence): Outcome {
  return { change: null, verdict: { denial, evidence, retryOf: null }, proof: null, end: null }
}

/** The full window that stays full longest: retrying sooner would be in vain. */
function fullest(uses: readonly WindowUse[]): Denial | null {
  let full: WindowUse | null = null
  for (const use of uses) if (use.waits > (full?.waits ?? 0)) full = use
  if (!full) return null
  const { window, limit, seconds, waits } = full
  return { reason: "window_full", window, limit, seconds, retry_after: Math.ceil(waits / 1000) }
}
