/** A decision that needs no memory costs a fraction of one that does; the floor is a Worker that does nothing. */
import type { Benchmark } from "../benchmark.ts"
import { compare } from "../compare.ts"
import { startNoOp } from "../servers/floor.ts"
import { startNarrowgate } from "../servers/narrowgate.ts"
import { narrowgateSide, noOpSide } from "./sides.ts"
import { deniedEarly, MANY_TREES, openTrees } from "./trees.ts"

export const earlyDenial: Benchmark = {
  name: "early-denial",
  question: "a call outside the token's scope, denied without a ledger, against a no-op Hono Worker",
  unit: "ratio",
  target: null,
  async run(lab) {
    await using narrowgate = await startNarrowgate(lab)
    await using floor = await startNoOp(lab)
    const tasks = await openTrees(narrowgate, MANY_TREES)
    const subject = {
      ...narrowgateSide(narrowgate, tasks, deniedEarly(narrowgate, tasks)),
      // The ledgers must have seen none of it: the other guard, an equal count, is for calls that they admit.
      counted: null,
    }
    const { ratio, sides } = await compare(lab, subject, noOpSide(floor, narrowgate, tasks))
    return { value: ratio, sides }
  },
}
