/**
 * The same decision by a policy server that people use: ten rules, an ES256 token, over HTTP. Cerbos keeps no memory,
 * so it answers less of the question: one principal, nothing counted, nothing recorded.
 */
import { guard, type Benchmark } from "../benchmark.ts"
import { compare, type Comparison, type Side } from "../compare.ts"
import type { Lab } from "../lab.ts"
import { cerbosBinary, cerbosQuestion, startCerbos, type Cerbos } from "../servers/cerbos.ts"
import { startNarrowgate, type Task } from "../servers/narrowgate.ts"
import { narrowgateSide } from "./sides.ts"
import { allowedReads, MANY_TREES, openTrees } from "./trees.ts"

export const againstCerbos: Benchmark = {
  name: "against-cerbos",
  question: "an allowed read against Cerbos, by processor time: the same token, ten rules, HTTP",
  unit: "ratio",
  target: 3,
  run: (lab) => measure(lab, ({ cpuRatio }) => cpuRatio),
}

export const againstCerbosRate: Benchmark = {
  name: "against-cerbos-rate",
  question: "the same by answers a second",
  unit: "ratio",
  target: 1.5,
  run: (lab) => measure(lab, ({ ratio }) => ratio),
}

async function measure(lab: Lab, value: (comparison: Comparison) => number): ReturnType<Benchmark["run"]> {
  const binary = cerbosBinary()
  guard(binary !== null, "Cerbos is not installed: npm install --include=optional, on Linux x64")
  await using narrowgate = await startNarrowgate(lab)
  const tasks = await openTrees(narrowgate, MANY_TREES)
  await using cerbos = await startCerbos(lab, binary, await narrowgate.jwks())
  const subject = narrowgateSide(narrowgate, tasks, allowedReads(narrowgate, tasks))
  const comparison = await compare(lab, subject, cerbosSide(cerbos, tasks))
  return { value: value(comparison), sides: comparison.sides }
}

const TICKET = { tool: "crm.tickets.get", sensitivity: 1, labels: [], ticket: "T-1" } as const

/** Timed: what Narrowgate allows. Probed: that it denies what Narrowgate denies by a rule, and a forged token. */
function cerbosSide({ port, pid, complaints }: Cerbos, tasks: readonly Task[]): Side {
  const call = ({ token }: Task, index: number) => ({ ...TICKET, token, user: `user-${index}` })
  const requests = tasks.map((task, index) => cerbosQuestion(call(task, index), "EFFECT_ALLOW"))
  const probes = tasks.slice(0, 1).flatMap((task) => {
    const known = call(task, 0)
    const { bytes } = cerbosQuestion({ ...known, token: `${task.token.slice(0, -8)}AAAAAAAA` }, "EFFECT_DENY")
    return [
      cerbosQuestion({ ...known, ticket: "X-1" }, "EFFECT_DENY"),
      cerbosQuestion({ ...known, tool: "crm.secrets.get", sensitivity: 3, ticket: null }, "EFFECT_DENY"),
      { bytes, expected: { status: 400, contains: null } },
    ]
  })
  return { name: "Cerbos", port, pid, requests, probes, counted: null, complaints }
}
