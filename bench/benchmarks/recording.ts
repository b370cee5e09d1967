/**
 * What its record adds to an allowed call, by processor time: the same process with and without, in turn. Its log has given
 * each record its position, and hashed and counted it, before the clock is read.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { guard, type Benchmark, type SideFigures } from "../benchmark.ts"
import { PACES, type Lab } from "../lab.ts"
import { lowestQuarter, processorTime } from "../schedstat.ts"
import { buildRecorded } from "../servers/build.ts"
import { GUARDED, guardTimedCall } from "../servers/guarded.ts"
import { startNarrowgate, type Narrowgate } from "../servers/narrowgate.ts"
import type { PreparedRequest } from "../load/request.ts"
import { allowedReads, MANY_TREES, openTrees } from "./trees.ts"

/** What becomes of a record (workers/recorded.ts). */
type Mode = "chained" | "kept" | "none"
/** At most 5 % more. */
const TARGET = 1 / 1.05

export const recording: Benchmark = {
  name: "recording",
  question: "the call of guarded-allow without a record, against the same with one that is chained, by processor time",
  unit: "ratio",
  target: null,
  run: (lab) => measure(lab, "none"),
}

export const chaining: Benchmark = {
  name: "chaining",
  question: "the same with a record that is only kept as it comes, against one that is chained, by processor time",
  unit: "ratio",
  target: TARGET,
  run: (lab) => measure(lab, "kept"),
}

async function measure(lab: Lab, without: Mode): ReturnType<Benchmark["run"]> {
  const change = (directory: string) => guardTimedCall(directory, GUARDED)
  await using narrowgate = await startNarrowgate(lab, null, change, buildRecorded)
  const requests = allowedReads(narrowgate, await openTrees(narrowgate, MANY_TREES))
  const both = [
    { mode: without, rounds: [] },
    { mode: "chained", rounds: [] },
  ] as const satisfies { mode: Mode; rounds: Round[] }[]
  // Records of the tasks that were opened are to be none of those that are counted.
  await sleep(SENT_WITHIN_MS)
  for (const { mode } of both) await callsIn(mode, lab, narrowgate, requests)
  for (let round = 0; round < lab.pace.rounds; round++) {
    for (const { mode, rounds } of round % 2 === 0 ? both : both.toReversed()) {
      const taken: Round[] = rounds
      taken.push(await callsIn(mode, lab, narrowgate, requests))
    }
    lab.say(`round ${round + 1} of ${lab.pace.rounds}`)
  }
  const [less, all] = both.map(({ rounds }) => lowestQuarter(rounds.map(({ cpu }: Round) => cpu)))
  return {
    value: (less ?? Number.NaN) / (all ?? Number.NaN),
    sides: both.map(({ mode, rounds }) => figuresOf(mode, rounds)),
  }
}

interface Round {
  /** Microseconds of the processor for one call, with all that it leaves to be done. */
  readonly cpu: number
  readonly rate: number
  readonly p50: number
}

/** Of a round: so many that what sealing costs whatever the number of records, such as its transaction, is little of it. */
const CALLS = 2_000
const QUICK_CALLS = 1_000
const LONGEST_MS = 30_000
/** By then every record has reached its log. */
const SENT_WITHIN_MS = 1_500

async function callsIn(
  mode: Mode,
  lab: Lab,
  narrowgate: Narrowgate,
  requests: readonly PreparedRequest[],
): Promise<Round> {
  const { port, pid, complaints } = narrowgate.workerd
  const answers = lab.pace === PACES.quick ? QUICK_CALLS : CALLS
  // What was only kept is chained in nobody's time.
  const before = await become("chained", narrowgate)
  await become(mode, narrowgate)
  const start = processorTime(pid)
  const seen = await lab.load.run({ port, requests, connections: MANY_TREES, milliseconds: LONGEST_MS, answers })
  await sleep(SENT_WITHIN_MS)
  const chained = (await become(mode, narrowgate)) - before
  const cpu = (processorTime(pid) - start) / 1000 / seen.answered
  guard(seen.failures.length === 0, `${seen.failures[0]}\n${complaints()}`)
  guard(chained === (mode === "chained" ? seen.answered : 0), `${chained} of ${seen.answered} were chained, as ${mode}`)
  const made = (await become("chained", narrowgate)) - before
  guard(made === (mode === "none" ? 0 : seen.answered), `${made} of ${seen.answered} were recorded, as ${mode}`)
  return { cpu, rate: seen.rate, p50: seen.p50 }
}

/** @returns how many records have their positions */
async function become(mode: Mode, narrowgate: Narrowgate): Promise<number> {
  return (await narrowgate.ask(`/bench/records/${mode}`)).json()
}

const NAMES = { chained: "recorded and chained", kept: "recorded, not chained", none: "not recorded" } as const

function figuresOf(mode: Mode, rounds: readonly Round[]): SideFigures {
  const rates = rounds.map(({ rate }) => rate).toSorted((a, b) => a - b)
  const middle = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
  const rate = { median: middle(rates), least: rates[0] ?? Number.NaN, most: rates.at(-1) ?? Number.NaN }
  return {
    name: NAMES[mode],
    rate,
    cpu: lowestQuarter(rounds.map(({ cpu }) => cpu)),
    p50: middle(rounds.map(({ p50 }) => p50)),
  }
}
