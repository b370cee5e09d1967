/** A decision that needs no memory costs a fraction of one that does; the floor is a Worker that does nothing. */
import { guard, type Benchmark } from "../benchmark.ts"
import { compare } from "../compare.ts"
import { startNoOp } from "../servers/floor.ts"
import { startNarrowgate } from "../servers/narrowgate.ts"
import { narrowgateSide, noOpSide } from "./sides.ts"
import { admittedBy, deniedEarly, MANY_TREES, openTrees } from "./trees.ts"

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
      // Nothing of what is timed may be counted: see below.
      counted: null,
    }
    const before = await admittedBy(narrowgate, tasks)
    const { ratio, sides } = await compare(lab, subject, noOpSide(floor, narrowgate, tasks))
    guard((await admittedBy(narrowgate, tasks)) === before, "a denied call was counted")
    return { value: ratio, sides }
  },
}
