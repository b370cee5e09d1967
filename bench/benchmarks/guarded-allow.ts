/** What guardrails add to an allowed call: the whole way with five of them, and with a sixth that all trees share. */
import type { Benchmark } from "../benchmark.ts"
import { compare } from "../compare.ts"
import type { Lab } from "../lab.ts"
import { startOneCall } from "../servers/floor.ts"
import { GUARDED, GUARDED_AND_SHARED, type Guardrails } from "../servers/guarded.ts"
import { guardedSide, startGuarded } from "./guarded.ts"
import { oneCallSide } from "./sides.ts"
import { MANY_TREES, openTrees } from "./trees.ts"

export const guardedAllow: Benchmark = {
  name: "guarded-allow",
  question: `an allowed read by three windows, a temporal rule and a budget, ${MANY_TREES} task trees, against one object call`,
  unit: "ratio",
  target: 0.7,
  run: (lab) => measure(lab, GUARDED),
}

export const sharedAllow: Benchmark = {
  name: "shared-allow",
  question: "the same with one more window, which all trees share",
  unit: "ratio",
  target: 0.6,
  run: (lab) => measure(lab, GUARDED_AND_SHARED),
}

async function measure(lab: Lab, guardrails: Guardrails): ReturnType<Benchmark["run"]> {
  await using narrowgate = await startGuarded(lab, guardrails)
  await using floor = await startOneCall(lab)
  const tasks = await openTrees(narrowgate, MANY_TREES)
  const subject = await guardedSide(narrowgate, tasks, guardrails)
  const { ratio, sides } = await compare(lab, subject, oneCallSide(floor, narrowgate, tasks))
  return { value: ratio, sides }
}
