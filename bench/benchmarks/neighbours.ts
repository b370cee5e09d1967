/**
 * What agents that act for one person cost each other: all of their calls are decided in that person's ledger, one after
 * the other.
 */
import { guard, type Benchmark, type SideFigures } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import { Load, type SeenOpen } from "../load/load.ts"
import { quantile } from "../load/quantile.ts"
import { startNarrowgate, type Narrowgate } from "../servers/narrowgate.ts"
import { addAgents } from "./agents.ts"
import { ALLOWED, READ_TICKET, SCOPE } from "./trees.ts"

const AGENTS = Array.from({ length: 10 }, (_, index) => `spiffe://bench.example/agent/neighbour-${index}`)
const USER = "whom-all-act-for"
/** Requests a second of each quiet agent. */
const QUIET_PER_SECOND = 10
/** A round has too few requests of quiet agents for a hundredth of them otherwise. */
const LEAST_ROUND_MS = 3_000
const CONNECTIONS = 32

interface Neighbours {
  readonly name: string
  readonly question: string
  readonly quiet: readonly string[]
  readonly busy: readonly string[]
  /** Requests a second of all busy agents; null: each of their connections asks again as soon as it is answered. */
  readonly perSecond: number | null
}

const benchmarkOf = ({ name, question, ...who }: Neighbours): Benchmark => ({
  name,
  question,
  unit: "ratio",
  target: null,
  run: (lab) => measure(lab, who),
})

export const besideABusyAgent = benchmarkOf({
  name: "beside-a-busy-agent",
  question: "the 99th percentile of nine quiet agents alone ÷ beside a tenth at 1,000 calls a second, one ledger",
  quiet: AGENTS.slice(1),
  busy: AGENTS.slice(0, 1),
  perSecond: 1_000,
})

export const tenthAgent = benchmarkOf({
  name: "tenth-agent",
  question: "the 99th percentile of a quiet agent alone ÷ while nine ask its ledger for as much as it bears",
  quiet: AGENTS.slice(0, 1),
  busy: AGENTS.slice(1),
  perSecond: null,
})

async function measure(
  lab: Lab,
  { quiet, busy, perSecond }: Omit<Neighbours, "name" | "question">,
): ReturnType<Benchmark["run"]> {
  await using narrowgate = await startNarrowgate(lab, null, (directory) => addAgents(directory, AGENTS))
  await using noise = new Load()
  const [calls, noisyCalls] = [await readsOf(narrowgate, quiet), await readsOf(narrowgate, busy)]
  const { port } = narrowgate.workerd
  const milliseconds = Math.max(LEAST_ROUND_MS, lab.pace.round)
  const ask = async (isBeside: boolean): Promise<SeenOpen> => {
    const noisy = { port, requests: noisyCalls, connections: CONNECTIONS, milliseconds }
    const closed = { ...noisy, answers: Number.POSITIVE_INFINITY }
    const [seen, heard] = await Promise.all([
      lab.load.runOpen({
        port,
        requests: calls,
        connections: quiet.length,
        milliseconds,
        perSecond: QUIET_PER_SECOND * quiet.length,
      }),
      isBeside ? (perSecond === null ? noise.run(closed) : noise.runOpen({ ...noisy, perSecond })) : null,
    ])
    for (const failure of [...seen.failures, ...(heard?.failures ?? [])])
      guard(false, `${failure}\n${narrowgate.workerd.complaints()}`)
    guard(
      perSecond === null || !heard || heard.rate > perSecond * LEAST_KEPT_UP,
      `the busy agent came to ${heard?.rate.toFixed(0)} calls a second`,
    )
    return seen
  }
  await ask(true)
  const rounds: Record<"alone" | "beside", SeenOpen[]> = { alone: [], beside: [] }
  for (let round = 0; round < lab.pace.rounds; round++) {
    rounds.alone.push(await ask(false))
    rounds.beside.push(await ask(true))
    lab.say(`round ${round + 1} of ${lab.pace.rounds}`)
  }
  const sides = [figuresOf("beside busy agents", rounds.beside), figuresOf("alone", rounds.alone)] as const
  return { value: sides[1].p99 / sides[0].p99, sides }
}

/** A busy agent that is answered less than this part of what it asks is none. */
const LEAST_KEPT_UP = 0.8

function figuresOf(name: string, rounds: readonly SeenOpen[]): SideFigures & { readonly p99: number } {
  const [rates, p50s, p99s] = [rounds.map(({ rate }) => rate), rounds.map(({ p50 }) => p50), rounds.map((r) => r.p99)]
  const rate = { median: quantile(rates, 0.5), least: Math.min(...rates), most: Math.max(...rates) }
  return { name, rate, p50: quantile(p50s, 0.5), p99: quantile(p99s, 0.5) }
}

/** Each has a task of its own. */
async function readsOf(narrowgate: Narrowgate, agents: readonly string[]) {
  const tasks = await Promise.all(agents.map((agent) => narrowgate.openTask(USER, SCOPE, { agent })))
  return tasks.map((task) => narrowgate.question(task, "GET", READ_TICKET, ALLOWED))
}
