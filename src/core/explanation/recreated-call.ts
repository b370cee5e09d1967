/**
 * A recorded call as it could be decided again: the tree of tasks as its record shows it, and what rules may read that
 * the record does not contain. The coverage by grants was decided then and stays: the tasks are granted everything.
 */
import type { Call } from "../decision/call.ts"
import { UNKNOWN_CLIENT } from "../decision/client.ts"
import type { Guardrails } from "../guardrails/guardrails.ts"
import { HALF_LIFE } from "../guardrails/risk.ts"
import { setRisk } from "../task/risks.ts"
import type { TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Task } from "../task/task.ts"
import type { RecordedCall } from "./recorded-call.ts"
import { recreateGuardrails } from "./recorded-guardrails.ts"
import { situationOf } from "./recorded-situation.ts"
import { approveStep, beginTree } from "./simulated-tree.ts"
import { wholeGrant } from "./whole-grant.ts"
import { historyKeyOf } from "../guardrails/history-key.ts"

export interface Recreated {
  readonly state: TreeState
  readonly call: Call
  /** Milliseconds since the epoch. */
  readonly now: number
  /** What the rules would read, and the record does not contain: `context.arguments.amount`. */
  readonly notRecorded: readonly string[]
  /** With the state that the record shows. */
  readonly guardrails: Guardrails
  /** Guardrails whose state it does not show: the call is assumed to comply with them. */
  readonly guardrailsNotRecorded: readonly string[]
  /** The one of these that denied the call, if nothing shows whether it would do so again. */
  readonly unknownGuardrail: string | null
}

const TOKEN = "token"
const LIFE_MS = 3_600_000

/**
 * Null if it is no call of an agent.
 * @param recordedBy the bundle that decided it, if it is available: what its rules read and the record does not contain
 *   was absent
 */
export function recreate(record: RecordedCall, bundle: Bundle, recordedBy: Bundle | null): Recreated | null {
  const situation = situationOf(record, bundle, recordedBy)
  if (!situation) return null
  const { task, root, tool, user, notRecorded } = situation
  const { at: now, chain } = record
  const state = beginTree(bundle.pointer, root, user, now)
  const grant = wholeGrant(bundle)
  let parent: string | null = null
  for (const [depth, agent] of chain.entries()) {
    const isLast = depth === chain.length - 1
    const id: string = isLast ? task : depth === 0 ? root : `${task}/above/${depth}`
    const one = taskOf({ id, parent, agent, purpose: (isLast ? record.purpose : null) ?? "" }, grant, now)
    const recorded = { openedAt: now - 1000 * numberOf(record.facts["task.age"], 0), calls: record.calls?.used ?? 0 }
    const tree = { calls: numberOf(record.facts["task.tree_calls"], record.calls?.used ?? 0) }
    state.tasks.set(id, Object.assign(one, isLast ? recorded : {}, depth === 0 && !isLast ? tree : {}))
    parent = id
  }
  for (const label of record.labels) state.labels.add(label)
  // Whichever agent, user or task was rated: the recorded risk applied to the whole call.
  const level = numberOf(record.facts["risk"], 0)
  const agent = historyKeyOf(chain.at(-1) ?? "")
  if (level > 0) setRisk(state.ledger.risks, agent, task, { level, at: now, halfLife: HALF_LIFE.default }, now)
  const jkt = record.bound ? "thumbprint" : null
  state.tokens.set(TOKEN, { task, expiresAt: now + LIFE_MS, jkt })
  const { nonce } = state.ledger.proofs
  const iat = Math.floor(now / 1000)
  const proof = jkt === null ? null : { jkt, jti: "proof", iat, freshUntil: now + LIFE_MS, nonce }
  const call: Call = {
    decisionId: record.id,
    task,
    token: TOKEN,
    proof,
    tool,
    arguments: situation.arguments,
    // The approval is assumed; the request for which it was given makes no difference to the rules.
    method: "",
    target: "",
    gateway: record.gateway ?? "",
    environment: record.environment ?? "",
    client: UNKNOWN_CLIENT,
    mode: "enforce",
    retry: null,
    risks: [],
  }
  approveStep(bundle, state, call, record.approvals, now)
  const {
    guardrails,
    notRecorded: guardrailsNotRecorded,
    unknown: unknownGuardrail,
  } = recreateGuardrails(record, bundle, recordedBy)
  return { state, call, now, notRecorded, guardrails, guardrailsNotRecorded, unknownGuardrail }
}

function taskOf(of: Pick<Task, "id" | "parent" | "agent" | "purpose">, grant: Task["grant"], now: number): Task {
  return {
    ...of,
    historyKey: historyKeyOf(of.agent),
    grant,
    isolated: false,
    audiences: [],
    scope: "",
    details: null,
    plan: null,
    idle: null,
    openedAt: now,
    expiresAt: now + LIFE_MS,
    limitedBy: "purpose_life",
    jkt: null,
    status: "active",
    endedBy: null,
    calls: 0,
    children: 0,
    bytes: 0,
    lastCall: now,
    progress: [],
  }
}

const numberOf = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise)
