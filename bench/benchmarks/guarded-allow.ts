/** What guardrails add to an allowed call: the whole way with five of them, and with a sixth that all trees share. */
import type { Benchmark } from "../benchmark.ts"
import { compare, compareTails, type Comparison, type Side } from "../compare.ts"
import type { Lab } from "../lab.ts"
import { startOneCall } from "../servers/floor.ts"
import { GUARDED, GUARDED_AND_SHARED, type Guardrails } from "../servers/guarded.ts"
import { guardedSide, startGuarded } from "./guarded.ts"
import { oneCallSide } from "./sides.ts"
import { MANY_TREES, openTrees } from "./trees.ts"

export const guardedAllow: Benchmark = {
  name: "guarded-allow",
  question: `an allowed read by three windows, a temporal rule and a budget, ${MANY_TREES} task trees, against one object call, by processor time`,
  unit: "ratio",
  target: 0.55,
  run: (lab) => measure(lab, GUARDED, compare, ({ cpuRatio }) => cpuRatio),
}

export const guardedAllowP99: Benchmark = {
  name: "guarded-allow-p99",
  question: "the 99th percentile of the floor's latency against that of the same, both asked evenly, at half load",
  unit: "ratio",
  target: 0.5,
  run: (lab) => measure(lab, GUARDED, compareTails, ({ ratio }) => ratio),
}

export const sharedAllow: Benchmark = {
  name: "shared-allow",
  question: "the same as guarded-allow with one more window, which all trees share, by answers a second",
  unit: "ratio",
  target: 0.6,
  run: (lab) => measure(lab, GUARDED_AND_SHARED, compare, ({ ratio }) => ratio),
}

async function measure(
  lab: Lab,
  guardrails: Guardrails,
  by: (lab: Lab, subject: Side, floor: Side) => Promise<Comparison>,
  value: (comparison: Comparison) => number,
): ReturnType<Benchmark["run"]> {
  await using narrowgate = await startGuarded(lab, guardrails)
  await using floor = await startOneCall(lab)
  const tasks = await openTrees(narrowgate, MANY_TREES)
  const subject = await guardedSide(narrowgate, tasks, guardrails)
  const comparison = await by(lab, subject, oneCallSide(floor, narrowgate, tasks))
  return { value: value(comparison), sides: comparison.sides }
}
