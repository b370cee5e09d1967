/** A call bound to a key by DPoP, with a proof of its own each time, against the same call with a bearer token. */
import type { Benchmark } from "../benchmark.ts"
import { compare } from "../compare.ts"
import { startNarrowgate } from "../servers/narrowgate.ts"
import { narrowgateSide } from "./sides.ts"
import { admittedByBound, allowedReads, boundReads, MANY_TREES, openBoundTrees, openTrees } from "./trees.ts"

export const boundCall: Benchmark = {
  name: "bound-call",
  question: "an allowed read with a DPoP proof, against the same with a bearer token, by processor time",
  unit: "ratio",
  target: 0.75,
  async run(lab) {
    await using narrowgate = await startNarrowgate(lab)
    const bearers = await openTrees(narrowgate, MANY_TREES)
    const bound = await openBoundTrees(narrowgate, MANY_TREES)
    const proven = narrowgateSide(narrowgate, bound, () => boundReads(narrowgate, bound))
    const plain = narrowgateSide(narrowgate, bearers, allowedReads(narrowgate, bearers))
    const { cpuRatio, sides } = await compare(
      lab,
      {
        ...proven,
        name: "with a DPoP proof",
        probes: [],
        counted: () => admittedByBound(narrowgate, bound),
      },
      { ...plain, name: "with a bearer token" },
    )
    return { value: cpuRatio, sides }
  },
}
