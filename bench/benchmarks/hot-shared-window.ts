/**
 * How seldom a count that all trees share has to be asked: one window, hot, under load from many trees. Counted is what
 * reaches the window's object, whatever for; admitted is what the ledgers have counted.
 */
import { guard, type Benchmark } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import type { Seen } from "../load/load.ts"
import type { PreparedRequest } from "../load/request.ts"
import { buildCounted } from "../servers/build.ts"
import { TIMED_TOOL, writeGuardrails } from "../servers/guarded.ts"
import { startNarrowgate, type Narrowgate, type Task } from "../servers/narrowgate.ts"
import { admittedBy, ALLOWED, allowedReads, MANY_TREES, openTrees } from "./trees.ts"

/** Of the hot window, in a minute. It must not be reached: near it, credit is lent in ever smaller blocks. */
const LIMIT = 100_000
/** So many calls at most, that it stays far from that on a fast machine too. */
const MOST_CALLS = 50_000
/** Of another, which is filled up: no more than so many may be admitted. */
const SMALL_LIMIT = 2_000
const SMALL_TOOL = "crm.tickets.list"
const SMALL_PATH = "/crm/tickets"
/** Near the limit some of it may be lent to a tree that does not need it; most of it must have been used. */
const LEAST_USED = 0.8

const GUARDRAILS = {
  windows: [
    { id: "hot", tools: [TIMED_TOOL], per: "everything", limit: LIMIT, within: "1m" },
    { id: "small", tools: [SMALL_TOOL], per: "everything", limit: SMALL_LIMIT, within: "24h" },
  ],
}

export const hotSharedWindow: Benchmark = {
  name: "hot-shared-window",
  question: `calls that a window of ${LIMIT} a minute admits to ${MANY_TREES} task trees, for each request to its object`,
  unit: "calls",
  target: 10,
  async run(lab) {
    const change = (directory: string) => writeGuardrails(directory, GUARDRAILS)
    await using narrowgate = await startNarrowgate(lab, null, change, buildCounted)
    const tasks = await openTrees(narrowgate, MANY_TREES)
    const requests = allowedReads(narrowgate, tasks)
    await drive(lab, narrowgate, requests, lab.pace.warmUp)
    const before = await stateOf(narrowgate, tasks)
    guard(before.asked > 0, "nothing has asked the object of the shared window")
    const rounds: Seen[] = []
    for (let round = 0; round < lab.pace.rounds; round++) {
      lab.say(`round ${round + 1} of ${lab.pace.rounds}`)
      rounds.push(await drive(lab, narrowgate, requests, Math.max(LEAST_ROUND_MS, lab.pace.round)))
    }
    const after = await stateOf(narrowgate, tasks)
    const answered = rounds.reduce((sum, round) => sum + round.answered, 0)
    const admitted = after.admitted - before.admitted
    guard(admitted === answered, `answered ${answered} times, but counted ${admitted}`)
    const asked = after.asked - before.asked
    guard(asked > 0, "the window was never asked: it is not the one that judges the calls")
    await fillUp(lab, narrowgate, tasks)
    const rates = rounds.map(({ rate }) => rate).toSorted((a, b) => a - b)
    const rate = { median: middle(rates), least: rates[0] ?? Number.NaN, most: rates.at(-1) ?? Number.NaN }
    const sides = [{ name: `Narrowgate, ${asked} asked`, rate, p50: middle(rounds.map(({ p50 }) => p50)) }]
    return { value: admitted / asked, sides }
  },
}

/** Credit is given back after two seconds: a round that is shorter sees little of that. */
const LEAST_ROUND_MS = 1_000
const CONNECTIONS = 32

async function drive(
  lab: Lab,
  { workerd: { port, complaints } }: Narrowgate,
  requests: readonly PreparedRequest[],
  milliseconds: number,
): Promise<Seen> {
  // With the warm-up.
  const answers = Math.floor(MOST_CALLS / (lab.pace.rounds + 1))
  const seen = await lab.load.run({ port, requests, connections: CONNECTIONS, milliseconds, answers })
  guard(seen.failures.length === 0, `${seen.failures[0] ?? ""}\n${complaints()}`)
  guard(seen.answered >= LEAST_ANSWERS, `only ${seen.answered} answers in ${milliseconds} ms`)
  return seen
}
const LEAST_ANSWERS = 100

interface State {
  /** By all trees, of whatever tool. */
  readonly admitted: number
  /** Requests that have reached the object. */
  readonly asked: number
}

async function stateOf(narrowgate: Narrowgate, tasks: readonly Task[]): Promise<State> {
  const response = await fetch(`http://127.0.0.1:${narrowgate.workerd.port}/bench/shared-limit`)
  const { takes, settlements }: { readonly takes: number; readonly settlements: number } = await response.json()
  return { admitted: await admittedBy(narrowgate, tasks), asked: takes + settlements }
}

/** All trees call until one is refused: no more may have been admitted than the limit of the window. */
async function fillUp(lab: Lab, narrowgate: Narrowgate, tasks: readonly Task[]): Promise<void> {
  const { port } = narrowgate.workerd
  const requests = tasks.map((task) => narrowgate.question(task, "GET", SMALL_PATH, ALLOWED))
  const before = await admittedBy(narrowgate, tasks)
  const bounds = { connections: CONNECTIONS, milliseconds: 20_000, answers: SMALL_LIMIT * 2 }
  const { failures } = await lab.load.run({ port, requests, ...bounds })
  const refusal = failures[0] ?? "nothing"
  guard(refusal.includes(" 429 ") && refusal.includes("rate_limited"), `the small window is full, but said ${refusal}`)
  const admitted = (await admittedBy(narrowgate, tasks)) - before
  guard(admitted <= SMALL_LIMIT, `the small window has admitted ${admitted} of ${SMALL_LIMIT}`)
  guard(admitted >= SMALL_LIMIT * LEAST_USED, `the small window was full with ${admitted} of ${SMALL_LIMIT}`)
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
