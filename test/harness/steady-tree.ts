/** A tree on which calls are made for long and at a pace, under bundles that may change: no storage, no model. */
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { heldOf, openingsOf, PureTree } from "./driven-trees.ts"
import { openYard } from "./modelled-life.ts"
import { ALICE, callOf, reasonOf, START } from "./trees.ts"

export class SteadyTree {
  readonly #tree: PureTree
  readonly #held
  #bundle
  now = START

  constructor(...guardrails: readonly Guardrail[]) {
    this.#bundle = openYard(guardrails)
    this.#tree = new PureTree(this.#bundle, ALICE)
    const openings = openingsOf(this.#bundle, ALICE)
    for (const opening of openings) this.#tree.open(opening)
    const [root] = openings
    if (!root) throw new Error("no task is open")
    this.#held = heldOf(root)
  }

  /** A newer bundle. */
  publish(...guardrails: readonly Guardrail[]): void {
    this.#bundle = openYard(guardrails)
  }

  /** @returns the reason of a denial, or "allowed" */
  call(tool: string, values: Readonly<Record<string, unknown>> = {}): string {
    return reasonOf(this.#bundle, this.#tree.state, callOf(this.#held, tool, values), this.now)
  }

  /** Verdicts of so many calls, each so many milliseconds after the one before it. */
  calls(tool: string, many: number, everyMs: number, valuesOf: (turn: number) => Readonly<Record<string, unknown>>) {
    const verdicts = new Map<string, number>()
    for (let turn = 0; turn < many; turn++) {
      this.now += everyMs
      const verdict = this.call(tool, valuesOf(turn))
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    }
    return Object.fromEntries(verdicts)
  }
}
