/**
 * A denied call that an observing gateway lets through leaves only what can deny more: of two trees that were allowed the
 * same calls, the one that has seen such calls besides denies whatever the other one denies.
 */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Call } from "../../src/core/decision/call.ts"
import { observeEarlyDenial } from "../../src/core/decision/early-denial.ts"
import { decide } from "../../src/core/decision/decide.ts"
import type { Denial } from "../../src/core/denials/denial.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { settleCall } from "../../src/core/guardrails/concurrency.ts"
import type { TreeState } from "../../src/core/task/state.ts"
import { applyMemoryUpdates, applyChange } from "../../src/core/task/transition.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import { heldOf, memoryOf, openingsOf, PureTree, tick } from "../harness/driven-trees.ts"
import {
  concurrency,
  cycle,
  idOfAgent,
  limit,
  lives,
  repeats,
  sequence,
  several,
  storm,
  type Asked,
  type Step,
} from "../harness/guardrail-worlds.ts"
import { openYard } from "../harness/modelled-life.ts"
import { longerBy, runsOf } from "../harness/runs.ts"
import { ALICE, callOf, START } from "../harness/trees.ts"

const NOT_GRANTED: Denial = { reason: "tool_not_granted", scope: "" }

/** Two trees side by side. A call happens only if both allow it, so that both have been allowed the same. */
class Pair {
  readonly #bundle: Bundle
  readonly #openings: ReturnType<typeof openingsOf>
  readonly #plain: TreeState
  readonly #watched: TreeState
  readonly #happened: { readonly call: Call; readonly at: number }[] = []
  #clock = START
  #made = 0
  readonly seen = { allowed: 0, denied: 0, deniedByObserved: 0 }

  constructor(guardrails: readonly Guardrail[]) {
    this.#bundle = openYard(guardrails)
    this.#openings = openingsOf(this.#bundle, ALICE)
    const trees = [new PureTree(this.#bundle, ALICE), new PureTree(this.#bundle, ALICE)] as const
    for (const tree of trees) for (const opening of this.#openings) tree.open(opening)
    this.#plain = trees[0].state
    this.#watched = trees[1].state
  }

  step(step: Step, isObserved: boolean): void {
    switch (step.does) {
      case "wait":
        this.#clock += step.ms
        return
      case "edge":
        this.#clock = Math.max(this.#clock, (this.#happened.at(-1 - step.past)?.at ?? 0) + step.ms + step.off)
        return
      case "land": {
        const past = this.#happened.at(-1 - step.past)?.call
        if (past)
          for (const tree of [this.#plain, this.#watched])
            settleCall(memoryOf(tree), past.decisionId, step.gateway, past.task)
        return
      }
      case "call":
        for (let time = 0; time < step.times; time++)
          if (isObserved) this.#observe(step)
          else this.#call(step)
        return
      default:
        throw new Error(`no tree here has storage: ${step.does}`)
    }
  }

  /** Denied in its ledger, or before it came there. */
  #observe(asked: Asked): void {
    const call = { ...this.#called(asked), mode: "observe" as const }
    const now = tick(this.#watched, this.#clock)
    const { verdict, change } = decide(this.#bundle, this.#watched, call, now)
    const happened = verdict.denial
      ? change
      : (observeEarlyDenial(this.#bundle, this.#watched, { ...call, tools: [call.tool] }, NOT_GRANTED, now)?.change ??
        null)
    if (happened) applyChange(this.#watched, happened)
  }

  #call(asked: Asked): void {
    const call = this.#called(asked)
    const [plain, watched] = [this.#plain, this.#watched].map((state) =>
      decide(this.#bundle, state, call, tick(state, this.#clock)),
    )
    if (!plain || !watched) throw new Error("both decide")
    if (plain.verdict.denial && !watched.verdict.denial)
      throw new Error(`lifted: ${JSON.stringify(plain.verdict.denial)}`)
    if (watched.verdict.denial) this.seen.denied += 1
    else this.seen.allowed += 1
    if (watched.verdict.denial && !plain.verdict.denial) this.seen.deniedByObserved += 1
    for (const [state, { change, verdict, denialUpdates }] of [
      [this.#plain, plain],
      [this.#watched, watched],
    ] as const) {
      if (verdict.denial) applyMemoryUpdates(state, denialUpdates, tick(state, this.#clock))
      else if (change && !watched.verdict.denial) applyChange(state, change)
    }
    if (!watched.verdict.denial) this.#happened.push({ call, at: this.#clock })
  }

  #called({ tool, by, values, complete, gateway, environment, country, network, risk }: Asked): Call {
    const opening = this.#openings[by]
    if (!opening) throw new Error(`no task ${by}`)
    const signal = { level: risk, at: this.#clock, halfLife: 604_800 }
    const risks = risk > 0 ? [{ kind: "agent" as const, name: idOfAgent("first"), signal }] : []
    const more = { decisionId: `dec_${++this.#made}`, arguments: { complete, values }, gateway, environment, risks }
    return callOf(heldOf(opening), tool, values, { ...more, client: { country, network } })
  }
}

const observed = fc.array(fc.boolean(), { minLength: 40, maxLength: 40 })

describe("a denied call that an observing gateway lets through lifts no denial", () => {
  test.each([
    ["sequences", several(sequence), lives(), 1],
    ["limits", several(limit({ large: false }), repeats), lives(), 0.3],
    ["circles", several(cycle), lives({ alike: true }), 0.2],
    ["storms", several(storm, limit({ large: false })), lives({ denied: 10 }), 0.1],
    ["calls in flight", several(concurrency), lives(), 0.1],
    [
      "all together",
      several(limit({ large: false }), repeats, sequence, sequence, cycle, storm, concurrency),
      lives(),
      0.2,
    ],
  ] as const)("%s", { timeout: longerBy(60_000) }, (_what, guardrails, happenings, part) => {
    const seen = { allowed: 0, denied: 0, deniedByObserved: 0 }
    const property = fc.property(guardrails, happenings, observed, (rules, steps, isObserved) => {
      const pair = new Pair(rules)
      for (const [index, step] of steps.entries()) pair.step(step, isObserved[index % isObserved.length] === true)
      for (const key of ["allowed", "denied", "deniedByObserved"] as const) seen[key] += pair.seen[key]
    })
    const numRuns = runsOf(1_000 * part)
    fc.assert(property, { seed: 20261127, numRuns })
    // There has been something to see.
    expect(seen.allowed).toBeGreaterThan(numRuns)
    expect(seen.denied).toBeGreaterThan(numRuns / 10)
  })
})
