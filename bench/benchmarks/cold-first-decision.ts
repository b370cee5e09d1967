/** What the first decision of an isolate that has just started takes beyond the first answer of any Hono Worker. */
import { setTimeout as sleep } from "node:timers/promises"
import { guard, type Benchmark, type SideFigures } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import type { PreparedRequest } from "../load/request.ts"
import { startNoOp } from "../servers/floor.ts"
import { addManyRules, FORBIDDEN_TICKET, MANY_RULES } from "../servers/many-rules.ts"
import { startNarrowgate, type Narrowgate, type Task } from "../servers/narrowgate.ts"
import { startAgain, type Workerd } from "../servers/workerd.ts"
import { floorRequest } from "./sides.ts"
import { allowedReads, denials, openTrees } from "./trees.ts"

const ALLOWANCE_MS = 12.5
/** What listens has not quite ended its start; and what has answered has its record to send off. */
const QUIET_MS = 400

export const coldFirstDecision: Benchmark = {
  name: "cold-first-decision",
  question: `how often a cold isolate's first decision by ${MANY_RULES} rules, less a no-op's first answer, fits into ${ALLOWANCE_MS} ms`,
  unit: "ratio",
  target: 1,
  async run(lab) {
    await using narrowgate = await startNarrowgate(lab, null, addManyRules)
    // One for each start: its ledger too is met for the first time.
    const tasks = await openTrees(narrowgate, lab.pace.starts)
    const noOp = await startNoOp(lab)
    await noOp[Symbol.asyncDispose]()
    const decisions: number[] = []
    const answers: number[] = []
    for (const [start, task] of tasks.entries()) {
      lab.say(`start ${start + 1} of ${tasks.length}`)
      const sides = [
        async () => decisions.push(await firstDecision(lab, narrowgate, task)),
        async () => answers.push(await firstAnswer(lab, noOp, narrowgate, task)),
      ]
      for (const side of start % 2 === 0 ? sides : sides.toReversed()) await side()
    }
    const decided = figuresOf("Narrowgate, cold", decisions)
    const answered = figuresOf("no-op Worker, cold", answers)
    guard(decided.p50 > answered.p50, "a decision took no longer than an answer without one")
    return { value: ALLOWANCE_MS / (decided.p50 - answered.p50), sides: [decided, answered] }
  },
}

/** @returns milliseconds */
async function firstDecision(lab: Lab, narrowgate: Narrowgate, task: Task): Promise<number> {
  await sleep(QUIET_MS)
  await narrowgate.restart()
  await sleep(QUIET_MS)
  const took = await ask(lab, narrowgate.workerd, allowedReads(narrowgate, [task]))
  const counted = await narrowgate.admitted(task)
  guard(counted === 1, `the ledger counted ${counted} calls, not the one`)
  const forbidden = { status: 403, contains: "policy_denied" } as const
  const addedRules = narrowgate.question(task, "GET", `/crm/tickets/${FORBIDDEN_TICKET}`, forbidden)
  await ask(lab, narrowgate.workerd, [...denials(narrowgate, task), addedRules])
  return took
}

/** @returns milliseconds */
async function firstAnswer(lab: Lab, ended: Workerd, narrowgate: Narrowgate, task: Task): Promise<number> {
  await using noOp = await startAgain(ended)
  await sleep(QUIET_MS)
  // Awaited here: the process must not end before it has answered.
  return await ask(lab, noOp, [floorRequest(narrowgate, task, "/authz/forward")])
}

/**
 * Each once, over one connection that is there when the first goes out. @returns milliseconds: of several, their median
 */
async function ask(lab: Lab, { port, complaints }: Workerd, requests: readonly PreparedRequest[]): Promise<number> {
  const all = { port, requests, connections: 1, milliseconds: 10_000, answers: requests.length }
  const { answered, failures, p50 } = await lab.load.run(all)
  guard(failures.length === 0, `not the answer of a cold start: ${failures[0] ?? ""}\n${complaints()}`)
  guard(answered === requests.length, `answered ${answered} of ${requests.length} in time\n${complaints()}`)
  return p50
}

/** As rates, of somebody who starts one anew for each question. */
function figuresOf(name: string, times: readonly number[]): SideFigures {
  const sorted = times.toSorted((a, b) => a - b)
  const [least, p50, most] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((time) => time ?? Number.NaN)
  guard(least !== undefined && p50 !== undefined && most !== undefined, "there are times")
  return { name, rate: { median: 1000 / p50, least: 1000 / most, most: 1000 / least }, p50 }
}
