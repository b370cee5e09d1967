/**
 * What its record adds to an allowed call, by processor time: the same process with and without records, in turn, and by
 * itself what the logs do to give records their positions, to hash and to count them.
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

/** What becomes of records (workers/recorded.ts). */
type Mode = "chained" | "kept" | "none"

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
  // At most 5 % more.
  target: 0.952,
  run: (lab) => measure(lab, "kept"),
}

async function measure(lab: Lab, without: "kept" | "none"): ReturnType<Benchmark["run"]> {
  const change = (directory: string) => guardTimedCall(directory, GUARDED)
  await using narrowgate = await startNarrowgate(lab, null, change, buildRecorded)
  const requests = allowedReads(narrowgate, await openTrees(narrowgate, MANY_TREES))
  // Records of the tasks that were opened are to be none of those that are counted.
  await sleep(SENT_WITHIN_MS)
  const modes = without === "kept" ? ([without] as const) : ([without, "kept"] as const)
  const rounds = new Map<Mode, Round[]>(modes.map((mode) => [mode, []]))
  for (const mode of modes) await roundOf(mode, lab, narrowgate, requests)
  for (let round = 0; round < lab.pace.rounds; round++) {
    for (const mode of round % 2 === 0 ? modes : modes.toReversed()) {
      rounds.get(mode)?.push(await roundOf(mode, lab, narrowgate, requests))
    }
    lab.say(`round ${round + 1} of ${lab.pace.rounds}`)
  }
  const kept = rounds.get("kept") ?? []
  const less = figuresOf(NAMES[without], rounds.get(without) ?? [])
  const more = figuresOf("recorded and chained", kept)
  const cpu = more.cpu + lowestQuarter(kept.map(({ chaining }) => chaining))
  return { value: less.cpu / cpu, sides: [less, { ...more, cpu }] }
}

const NAMES = { kept: "recorded, not chained", none: "not recorded" } as const

/** Microseconds of the processor, for one call. */
interface Round {
  /** With the record on its way into its log. */
  readonly calls: number
  /** What the logs do with all that have come, at once. */
  readonly chaining: number
  readonly rate: number
  readonly p50: number
}

/** Of a round: so many that what sealing costs whatever the number of records, such as its transaction, is little of it. */
const CALLS = 2_000
const QUICK_CALLS = 1_000
const LONGEST_MS = 30_000
/** By then every record has reached its log. */
const SENT_WITHIN_MS = 1_500

async function roundOf(
  mode: "kept" | "none",
  lab: Lab,
  narrowgate: Narrowgate,
  requests: readonly PreparedRequest[],
): Promise<Round> {
  const { port, pid, complaints } = narrowgate.workerd
  const answers = lab.pace === PACES.quick ? QUICK_CALLS : CALLS
  const before = await become("chained", narrowgate)
  await become(mode, narrowgate)
  const start = processorTime(pid)
  const seen = await lab.load.run({ port, requests, connections: MANY_TREES, milliseconds: LONGEST_MS, answers })
  guard(seen.failures.length === 0, `${seen.failures[0]}\n${complaints()}`)
  await sleep(SENT_WITHIN_MS)
  const early = (await become(mode, narrowgate)) - before
  guard(early === 0, `${early} were chained that were not to be`)
  const middle = processorTime(pid)
  const chained = (await become("chained", narrowgate)) - before
  const end = processorTime(pid)
  guard(chained === (mode === "none" ? 0 : seen.answered), `${chained} of ${seen.answered} were recorded, as ${mode}`)
  const of = (nanoseconds: number): number => nanoseconds / 1000 / seen.answered
  return { calls: of(middle - start), chaining: of(end - middle), rate: seen.rate, p50: seen.p50 }
}

/** @returns how many records have their positions */
async function become(mode: Mode, narrowgate: Narrowgate): Promise<number> {
  return (await narrowgate.ask(`/bench/records/${mode}`)).json()
}

function figuresOf(name: string, rounds: readonly Round[]): SideFigures & { readonly cpu: number } {
  const ordered = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b)
  const rates = ordered(rounds.map(({ rate }) => rate))
  const middle = rounds.length >> 1
  const rate = { median: rates[middle] ?? Number.NaN, least: rates[0] ?? Number.NaN, most: rates.at(-1) ?? Number.NaN }
  const p50 = ordered(rounds.map(({ p50 }) => p50))[middle] ?? Number.NaN
  return { name, rate, cpu: lowestQuarter(rounds.map(({ calls }) => calls)), p50 }
}
