/**
 * A tree of tasks in memory, changed by the very steps of its ledger, without storage, tokens on the wire or a clock.
 * What a task could do under a bundle can so be tried anywhere.
 */
import { requestApproval, requestHash, type Approval } from "../task/approval.ts"
import type { Call, DecisionResult, DeniedCall } from "../decision/call.ts"
import { UNSEEN_ARGUMENTS } from "../catalog/arguments.ts"
import { factsOf } from "../decision/check-guardrails.ts"
import { checkPolicy } from "../decision/check-policy.ts"
import { observeEarlyDenial } from "../decision/early-denial.ts"
import { riskOf } from "../decision/risk.ts"
import { admitProof } from "../decision/check-credential.ts"
import { decide } from "../decision/decide.ts"
import type { Denial } from "../denials/denial.ts"
import { NOTHING_REQUESTED } from "../task/grant.ts"
import { openTask } from "../task/open.ts"
import { isOAuthFailure, type OAuthFailure } from "../denials/oauth-error.ts"
import { settleCall } from "../guardrails/concurrency.ts"
import { isUnread, readerOf } from "../guardrails/field.ts"
import type { Need } from "../guardrails/kind.ts"
import { updatesOf, readLimit } from "../guardrails/limit-meter.ts"
import { Memory } from "../guardrails/memory.ts"
import { applyUpdates } from "../guardrails/memory-update.ts"
import { USER_SCOPE, type Memories } from "../task/memories.ts"
import { Proofs } from "../task/proof-log.ts"
import { ancestryOf, newLedger, newTree, type LedgerState, type TreeState } from "../task/state.ts"
import {
  applyMemoryUpdates,
  applyApproval,
  applyChange,
  applyEnd,
  dropExpiredTokens,
  applyOpening,
  endedBy,
} from "../task/transition.ts"
import { Work } from "../encoding/work.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { UserFacts } from "../policy/principals.ts"
import type { OpenRequest } from "../task/open-request.ts"
import type { Opened } from "../task/opening-step.ts"
import { historyKeyOf } from "../guardrails/history-key.ts"

/** What a call needs of a task that is open. */
export interface SimulatedState {
  readonly task: string
  readonly token: string
}

/** For a tree that has just been opened: no earlier life can have admitted any. */
export const freshProofs = (): Proofs => new Proofs("nonce", Number.NEGATIVE_INFINITY)

/** @param now milliseconds */
export function beginTree(pointer: Pointer, root: string, user: UserFacts | null, now: number): TreeState {
  return addTree(newLedger(pointer, now, freshProofs()), root, user, now)
}

/** Begins one more tree of the same user, or the same agent. */
export function addTree(ledger: LedgerState, root: string, user: UserFacts | null, now: number): TreeState {
  const tree = newTree(ledger, root, user, now)
  ledger.trees.set(root, tree)
  return tree
}

/** @param shared what all ledgers of a deployment share */
export function beginLedger(pointer: Pointer, now: number, shared: Memory): LedgerState {
  const ledger = newLedger(pointer, now, freshProofs())
  sharedBy.set(ledger.memories, shared)
  return ledger
}

/** A request for the default of everything. */
export function openRequest(
  agent: string,
  { user, since }: TreeState,
  token: string,
  more: Partial<OpenRequest> = {},
): OpenRequest {
  return {
    agent,
    user,
    sessionExpiresAt: null,
    sessionClient: null,
    since,
    parent: null,
    task: null,
    purpose: null,
    asked: NOTHING_REQUESTED,
    caps: [],
    approvals: [],
    // The task's own: no gateway checks which it has.
    audience: "",
    jkt: null,
    token,
    ...more,
  }
}

/** Opens a root, a child or a renewal, or says why not. */
export function openStep(bundle: Bundle, state: TreeState, request: OpenRequest, now: number): Opened | OAuthFailure {
  dropExpiredTokens(state, historyKeyOf(request.agent), now)
  const opened = openTask(bundle, state, request, now)
  if (!isOAuthFailure(opened)) applyOpening(state, opened.opening, now)
  return opened
}

/** An allowed call changes the state; a denied one consumes nothing. */
export function callStep(bundle: Bundle, state: TreeState, call: Call, now: number): DecisionResult["verdict"] {
  const needs = new Map<string, Need>()
  let lent: readonly ((isUsed: boolean) => void)[] = []
  let outcome = decide(bundle, state, call, now)
  // In the second round: what approvers have approved in spite of the limit.
  const missing = (): readonly Need[] => [...outcome.needs, ...outcome.wants]
  for (let round = 1; round <= 2 && missing().length > 0; round++) {
    for (const settle of lent) settle(false)
    for (const need of missing()) needs.set(`${need.owner}|${need.place}`, need)
    lent = Array.from(needs.values(), (need) => lend(state, need, now))
    outcome = decide(bundle, state, call, now)
  }
  const { change, verdict, proof, end, requestedApproval, denialUpdates } = outcome
  for (const settle of lent) settle(change !== null)
  if (change) applyChange(state, change)
  applyMemoryUpdates(state, denialUpdates, now)
  if (requestedApproval) applyApproval(state, requestedApproval)
  if (proof !== null && call.proof) admitProof(state, call.token, call.proof, now, () => "")
  if (end) applyEnd(state, endedBy(state, end), end)
  return verdict
}

/** The name or the guardrail by which the approval is requested. */
export type Consented = Pick<Approval, "name" | "guardrail">

/** Acts as if the call had been approved, once. */
export function approveStep(
  bundle: Bundle,
  state: TreeState,
  call: Call,
  consented: readonly Consented[],
  now: number,
): void {
  if (consented.length === 0) return
  const { catalog, pointer } = bundle
  const [task, tool] = [state.tasks.get(call.task), catalog.tools.get(call.tool)]
  if (!task || !tool) return
  const work = new Work(Infinity)
  const text = readerOf("call")(factsOf(state, task, tool, call, 0, work))
  if (isUnread(text)) return
  const { agent, purpose, expiresAt } = task
  const visible = { agent, purpose, chain: [agent], user: null, method: call.method, arguments: "{}", redacted: [] }
  const [, ...above] = ancestryOf(state, task.id)
  const risk = riskOf(state, [task, ...above], call.risks, now)
  const policy = checkPolicy(bundle, state, [task, ...above], tool, call, risk, now, work)
  const demands = "demands" in policy ? policy.demands : []
  for (const [index, { name, guardrail }] of consented.entries()) {
    const { environment } = call
    const what = { task: task.id, tool: tool.name, call: text, request: requestHash(call) }
    const exactly = { ...what, environment, guardrail, name }
    const rules = demands.find((each) => each.name === name && each.guardrail === guardrail)?.rules ?? []
    const terms = { need: 1, mostUses: 1 }
    const of = { id: `apr_${call.decisionId}_${index}`, decision: call.decisionId, bundle: pointer.seq }
    const approval = requestApproval(
      {
        ...exactly,
        ...of,
        rules,
        figures: null,
        shown: visible,
        inboxes: [],
        expiresAt,
        limitedBy: "approval_life",
        terms,
      },
      now,
    )
    applyApproval(state, { ...approval, status: "approved", uses: 1 })
  }
}

/** A call of an unknown tool never reaches the ledger; the ledger only learns of it if a guardrail observes denials. */
export function deniedStep(
  bundle: Bundle,
  state: TreeState,
  call: Omit<DeniedCall, "tools" | "arguments">,
  denial: Denial,
  now: number,
): void {
  const noticed = observeEarlyDenial(bundle, state, { ...call, tools: [], arguments: UNSEEN_ARGUMENTS }, denial, now)
  if (!noticed) return
  const { memoryUpdates, end } = noticed
  applyMemoryUpdates(state, memoryUpdates, now)
  if (end) applyEnd(state, endedBy(state, end), end)
}

/** A call has ended, as the gateway that allowed it reports. */
export function settleStep({ root, ledger }: TreeState, decision: string, gateway: string): void {
  for (const scope of [root, USER_SCOPE]) settleCall(ledger.memories.of(scope), decision, gateway, null)
}

/**
 * What all ledgers share; here there is only this one. It lends exactly what a call needs, and takes it back if the call
 * is denied nevertheless.
 */
function lend(
  { ledger: { memories } }: TreeState,
  { owner, key, place, limit, amount, values, over }: Need,
  now: number,
): (isUsed: boolean) => void {
  const { credits } = memories
  let shared = sharedBy.get(memories)
  if (!shared) sharedBy.set(memories, (shared = new Memory()))
  const demand = values ?? amount
  const reading = readLimit(shared, limit, key, demand, now)
  const { used, waits } = reading
  const refused = waits > 0 && !over ? { used, waits } : null
  credits.set(owner, place, { left: refused ? 0 : amount, used, refused, over })
  const memoryUpdates = updatesOf(shared, limit, key, demand)
  const counts = shared
  return (isUsed) => {
    if (isUsed && !refused) applyUpdates(counts, memoryUpdates, now)
    credits.set(owner, place, { left: 0, used, refused: null, over: null })
  }
}
const sharedBy = new WeakMap<Memories, Memory>()
