/** The whole way of an allowed call against the least that any stateful Worker pays: one call to a Durable Object. */
import type { Benchmark } from "../benchmark.ts"
import { compare } from "../compare.ts"
import type { Lab } from "../lab.ts"
import { startOneCall } from "../servers/floor.ts"
import { startNarrowgate } from "../servers/narrowgate.ts"
import { narrowgateSide, oneCallSide } from "./sides.ts"
import { allowedReads, MANY_TREES, openTrees } from "./trees.ts"

export const statefulAllow: Benchmark = {
  name: "stateful-allow",
  question: `an allowed read, ${MANY_TREES} task trees, against one call to an in-memory Durable Object`,
  unit: "ratio",
  target: 0.5,
  run: (lab) => measure(lab, MANY_TREES),
}

/** One busy task: its ledger is a single thread, so this is the most that one tree can get. */
export const statefulAllowOneTree: Benchmark = {
  name: "stateful-allow-one-tree",
  question: "the same with one task tree: what a single ledger can bear",
  unit: "ratio",
  target: null,
  run: (lab) => measure(lab, 1),
}

async function measure(lab: Lab, trees: number): ReturnType<Benchmark["run"]> {
  await using narrowgate = await startNarrowgate(lab)
  await using floor = await startOneCall(lab)
  const tasks = await openTrees(narrowgate, trees)
  const subject = narrowgateSide(narrowgate, tasks, allowedReads(narrowgate, tasks))
  const { ratio, sides } = await compare(lab, subject, oneCallSide(floor, narrowgate, tasks))
  return { value: ratio, sides }
}
