/** What the first decision takes of the ledger of a person for whom agents have worked all day. */
import { setTimeout as sleep } from "node:timers/promises"
import { guard, type Benchmark, type SideFigures } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import { startNarrowgate, type Narrowgate, type Task } from "../servers/narrowgate.ts"
import { processorTime } from "../schedstat.ts"
import { addAgents } from "./agents.ts"
import { ALLOWED, allowedReads, READ_TICKET, SCOPE } from "./trees.ts"

const AGENTS = Array.from({ length: 10 }, (_, index) => `spiffe://bench.example/agent/busy-${index}`)
/** Of the day: a thousand tasks of each agent, of which the last few live; in a quick run a tenth of them. */
const [TASKS, QUICK_TASKS, LIVE, CALLS_OF_TASK] = [10_000, 1_000, 50, 10]
/** So many at once. */
const TOGETHER = 16
const ALLOWANCE_MS = 10
const QUIET_MS = 400
/** Records and what else a call leaves to do belongs to it. */
const AFTERWARDS_MS = 100

export const waking: Benchmark = {
  name: "waking",
  question: `${ALLOWANCE_MS} ms ÷ (processor time of a busy person's first decision after waking − that of a new person's)`,
  unit: "ratio",
  target: 1,
  async run(lab) {
    await using narrowgate = await startNarrowgate(lab, null, (directory) =>
      addAgents(directory, AGENTS, { trees: { live: 10_000, per_minute: 10_000 } }),
    )
    const [busy] = await workAllDay(lab, narrowgate)
    guard(busy !== undefined, "there is no live task")
    const [busyTimes, newTimes]: [number[], number[]] = [[], []]
    for (let start = 0; start < lab.pace.starts; start++) {
      lab.say(`start ${start + 1} of ${lab.pace.starts}`)
      const other = await narrowgate.openTask(`new-${start}`, SCOPE)
      const warm = await narrowgate.openTask(`warm-${start}`, SCOPE)
      for (const [task, times] of start % 2 === 0
        ? ([
            [busy, busyTimes],
            [other, newTimes],
          ] as const)
        : ([
            [other, newTimes],
            [busy, busyTimes],
          ] as const))
        times.push(await firstDecision(lab, narrowgate, warm, task))
    }
    const sides = [figuresOf("busy person's ledger", busyTimes), figuresOf("new person's ledger", newTimes)] as const
    return { value: ALLOWANCE_MS / Math.max(sides[0].p50 - sides[1].p50, Number.EPSILON), sides }
  },
}

/** @returns milliseconds of the processor, of an isolate that has decided for another person before */
async function firstDecision(lab: Lab, narrowgate: Narrowgate, warm: Task, task: Task): Promise<number> {
  await narrowgate.restart()
  for (let call = 0; call < WARM_UP; call++) await ask(lab, narrowgate, warm)
  await sleep(QUIET_MS)
  const start = processorTime(narrowgate.workerd.pid)
  await ask(lab, narrowgate, task)
  await sleep(AFTERWARDS_MS)
  return (processorTime(narrowgate.workerd.pid) - start) / 1e6
}
const WARM_UP = 50

async function ask(lab: Lab, narrowgate: Narrowgate, task: Task, answers = 1): Promise<void> {
  const { port, complaints } = narrowgate.workerd
  const all = { port, requests: allowedReads(narrowgate, [task]), connections: 1, milliseconds: 10_000, answers }
  const { answered, failures } = await lab.load.run(all)
  guard(answered === answers && failures.length === 0, `${failures[0] ?? "no answer"}\n${complaints()}`)
}

/** @returns the tasks that live */
async function workAllDay(lab: Lab, narrowgate: Narrowgate): Promise<readonly Task[]> {
  const live: Task[] = []
  const all = lab.pace.rounds > 4 ? TASKS : QUICK_TASKS
  for (let count = 0; count < all; count += TOGETHER) {
    lab.say(`${count} of ${all} tasks`)
    const tasks = await Promise.all(
      Array.from({ length: TOGETHER }, (_, index) =>
        narrowgate.openTask("busy", SCOPE, { agent: AGENTS[(count + index) % AGENTS.length] ?? "" }),
      ),
    )
    const requests = tasks.map((task) => narrowgate.question(task, "GET", READ_TICKET, ALLOWED))
    const { port } = narrowgate.workerd
    const answers = TOGETHER * CALLS_OF_TASK
    await lab.load.run({ port, requests, connections: TOGETHER, milliseconds: 10_000, answers })
    if (count + TOGETHER > all - LIVE) live.push(...tasks)
    else await Promise.all(tasks.map((task) => narrowgate.complete(task)))
  }
  return live
}

function figuresOf(name: string, times: readonly number[]): SideFigures {
  const sorted = times.toSorted((a, b) => a - b)
  const [least, p50, most] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map((time) => time ?? Number.NaN)
  guard(least !== undefined && p50 !== undefined && most !== undefined, "there are times")
  return { name, rate: { median: 1000 / p50, least: 1000 / most, most: 1000 / least }, p50 }
}
