/** A tree of tasks with its tokens and its clock, on which calls are made one after the other. */
import type { Call, Verdict } from "../../src/core/decision/call.ts"
import type { Denial } from "../../src/core/denials/denial.ts"
import type { Client } from "../../src/core/decision/client.ts"
import { HALF_LIFE, NO_RISKS, type ReportedRisk } from "../../src/core/guardrails/risk.ts"
import { isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import { applyChange, applyOpening } from "../../src/core/task/transition.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"
import {
  approveStep,
  callStep,
  openRequest,
  openStep,
  deniedStep,
  settleStep,
  type Consented,
} from "../../src/core/explanation/simulated-tree.ts"
import type { Opened } from "../../src/core/task/opening-step.ts"
import type { Proof } from "../../src/core/task/proof-log.ts"

/** How long a proof of possession is fresh. */
const PROOF_LIFE_MS = 60_000

interface Holder {
  readonly agent: string
  readonly task: string
  readonly jkt: string | null
  token: string
}

/** What all calls have in common. */
interface Circumstances {
  readonly risk: number
  /** Names of the approvals that each call has, whatever requires them. */
  readonly approvals: readonly string[]
}

/** The task of a call. */
export interface Caller {
  /** An agent of the chain; null: the last. If an agent has several tasks, the lowest one. */
  readonly by: string | null
  readonly gateway: GatewayDefinition
  /** As the gateway asserts it. */
  readonly client: Client
}

const decisionOf = (made: number): string => `dec_${made}`

/** Rules, and each guardrail that requires an approval of this name. */
function askedBy({ guardrails }: Bundle, name: string): readonly Consented[] {
  const requesting = guardrails.definitions.filter(({ approval }) => approval === name)
  return [{ name, guardrail: null }, ...requesting.map(({ id: guardrail }) => ({ name, guardrail }))]
}

export class Stage {
  readonly #bundle: Bundle
  readonly #state: TreeState
  readonly #risk: number
  /** The approvals that each call has. */
  readonly #consented: readonly Consented[]
  /** Of each task of the chain, the root's first. */
  readonly #holders: readonly Holder[]
  #now: number
  /** The gateway of each call. */
  readonly #made: string[] = []

  /** @param state of a tree that has just begun. Its tasks are copies: calls change them, not what was opened */
  constructor(bundle: Bundle, state: TreeState, opened: readonly Opened[], { risk, approvals }: Circumstances) {
    this.#bundle = bundle
    this.#state = state
    this.#risk = risk
    this.#consented = approvals.flatMap((name) => askedBy(bundle, name))
    this.#now = state.ledger.clock
    for (const { opening } of opened) {
      const task = opening.task && { ...opening.task, children: 0 }
      applyOpening(state, { ...opening, task }, state.ledger.clock)
    }
    this.#holders = opened.map(({ task: { id: task, agent }, opening: { token } }) => {
      return { agent, task, jkt: token.jkt, token: token.jti }
    })
  }

  /** As if calls had been made that left this behind. */
  leave({ labels, calls }: { readonly labels: readonly string[]; readonly calls: number }): void {
    const tasks = this.#holders.map(({ task }) => task)
    const counted = Array.from({ length: calls }, () => tasks).flat()
    const nothing = { busy: [], plans: [], approvals: [], memoryUpdates: [], carried: [], remember: null }
    applyChange(this.#state, { ...nothing, at: this.#now, counted, labels })
  }

  /** Seconds pass. Agents renew their tokens before they expire, as long as their tasks live. */
  wait(seconds: number): void {
    const until = this.#now + seconds * 1000
    const renewing = new Set(this.#holders)
    for (let due = this.#nextToExpire(renewing, until); due; due = this.#nextToExpire(renewing, until)) {
      // A task that has ended renews nothing.
      if (!this.#renew(due.holder, due.expiresAt - 1)) renewing.delete(due.holder)
    }
    this.#now = until
  }

  call(called: Pick<Call, "tool" | "arguments" | "besides">, caller: Caller): Verdict {
    const call = { ...this.#callOf(caller), ...called }
    approveStep(this.#bundle, this.#state, call, this.#consented, this.#now)
    return callStep(this.#bundle, this.#state, call, this.#now)
  }

  /** A request that matches no tool of the catalog. */
  refused(denial: Denial, caller: Caller): void {
    if (caller.gateway.mode !== "enforce") return
    deniedStep(this.#bundle, this.#state, this.#callOf(caller), denial, this.#now)
  }

  /** @returns a function that settles all calls made from now on until it is called */
  settling(): () => void {
    const before = this.#made.length
    return () => {
      for (const [index, gateway] of this.#made.entries()) {
        if (index >= before) settleStep(this.#state, decisionOf(index + 1), gateway)
      }
    }
  }

  #callOf({ by, client, gateway: presenting }: Caller): Omit<Call, "tool" | "arguments"> {
    const holder = this.#holders.findLast(({ agent }) => by === null || agent === by)
    if (!holder) throw new Error(`${by} is none of the chain`)
    const { id: gateway, environment, mode } = presenting
    const { agent, task, token, jkt } = holder
    const made = this.#made.push(gateway)
    const proof = jkt === null ? null : this.#proof(jkt, made)
    const risks = this.#risksOf(agent)
    // A table names tools and arguments, not requests: all calls of a tool count as the same request.
    const request = { method: "", target: "", retry: null }
    return { decisionId: decisionOf(made), task, token, proof, gateway, environment, client, mode, ...request, risks }
  }

  /** Set anew for each call: however much time has passed, the risk is the scene's. */
  #risksOf(name: string): readonly ReportedRisk[] {
    if (this.#risk === 0) return NO_RISKS
    return [{ kind: "agent", name, signal: { level: this.#risk, at: this.#now, halfLife: HALF_LIFE.default } }]
  }

  #proof(jkt: string, made: number): Proof {
    const { nonce } = this.#state.ledger.proofs
    const iat = Math.floor(this.#now / 1000)
    return { jkt, jti: `proof ${made}`, iat, freshUntil: this.#now + PROOF_LIFE_MS, nonce }
  }

  /** The token that expires first, among those that expire by then and can still be renewed. */
  #nextToExpire(
    among: ReadonlySet<Holder>,
    until: number,
  ): { readonly holder: Holder; readonly expiresAt: number } | null {
    const due = [...among].flatMap((holder) => {
      const token = this.#state.tokens.get(holder.token)
      const task = this.#state.tasks.get(holder.task)
      const isLast = !token || !task || token.expiresAt >= task.expiresAt
      return isLast || token.expiresAt > until ? [] : [{ holder, expiresAt: token.expiresAt }]
    })
    return due.toSorted((a, b) => a.expiresAt - b.expiresAt)[0] ?? null
  }

  #renew(holder: Holder, now: number): boolean {
    const { agent, task, token, jkt } = holder
    const renewed = `${token}'`
    const request = openRequest(agent, this.#state, renewed, { parent: { task, token, handedOverBy: null }, jkt })
    if (isOAuthFailure(openStep(this.#bundle, this.#state, request, now))) return false
    holder.token = renewed
    return true
  }
}
