/**
 * Two servers, one after the other, round by round in alternating order, so that whatever else the machine does meets
 * both. The ratio is that of the medians over the rounds, or that of the processor time that an answer takes, which is
 * the mean of the lowest quarter of the rounds: other work only ever adds to it. Guards before, during and after keep it
 * from measuring nothing.
 */
import { guard, GuardTripped, type SideFigures } from "./benchmark.ts"
import type { Lab } from "./lab.ts"
import type { Seen } from "./load/load.ts"
import type { PreparedRequest } from "./load/request.ts"
import { lowestQuarter, processorTime } from "./schedstat.ts"

export interface Side {
  readonly name: string
  readonly port: number
  readonly pid: number
  /** What is timed, asked in turn; or what makes it anew each time, where each may be asked once only. */
  readonly requests: readonly PreparedRequest[] | (() => Promise<readonly PreparedRequest[]>)
  /** Asked once before and once after, but never timed: that the server can tell one call from another. */
  readonly probes: readonly PreparedRequest[]
  /** How much the server itself counted of the timed requests so far; null where it keeps no count. */
  readonly counted: (() => Promise<number>) | null
  /** The last that it complained about. */
  readonly complaints: () => string
}

export interface Comparison {
  readonly ratio: number
  /** The floor's processor time to the subject's: above 1 the subject is cheaper. */
  readonly cpuRatio: number
  readonly sides: readonly [SideFigures, SideFigures]
}

/** Enough to keep a server busy on two cores, few enough that a median latency still says something. */
const CONNECTIONS = 32
/**
 * What one side left to do after its answers (records on their way to their log) must not be done in the other's time.
 */
const QUIET_MS = 300
/** Of what is timed, so many are asked beforehand and afterwards. */
const MANY_PROBES = 64
/** Fewer answers than this in a round are no measurement. */
const LEAST_ANSWERS = 100

/** How one side is asked for a while. */
type Ask<Took extends Seen> = (side: Side, requests: readonly PreparedRequest[], milliseconds: number) => Promise<Took>

/** @param least milliseconds of a round, where what is asked takes long */
export async function compare(lab: Lab, subject: Side, floor: Side, least = 0): Promise<Comparison> {
  const seen = await inTurn(lab, [subject, floor], least, (side, requests, milliseconds) =>
    saturate(lab, side, requests, milliseconds),
  )
  const sides = [figuresOf(subject, seen), figuresOf(floor, seen)] as const
  return { ratio: sides[0].rate.median / sides[1].rate.median, cpuRatio: cpuRatioOf(sides), sides }
}

/** A round lasts at least so long, and until so many are due: a hundredth of few is nothing. */
const LEAST_TAIL_ROUND_MS = 1_000
const LEAST_TAIL_REQUESTS = 500
const MOST_TAIL_ROUND_MS = 5_000
/** Of a generator that was itself so late, in parts of what it measured, the machine is measured and no server. */
const MOST_DELAY = 0.5
/** A server that answers less than this part of what is asked is not at half load. */
const LEAST_KEPT_UP = 0.8

/**
 * The ratio of the 99th percentiles, the floor's to the subject's: both are asked at the same even rate, half of what
 * the subject bears, whatever their answers do (load/open-loop.ts).
 */
export async function compareTails(lab: Lab, subject: Side, floor: Side): Promise<Comparison> {
  await saturate(lab, subject, await requestsOf(subject), lab.pace.warmUp)
  const borne = await saturate(lab, subject, await requestsOf(subject), Math.max(LEAST_TAIL_ROUND_MS, lab.pace.round))
  const perSecond = borne.rate / 2
  const least = Math.max(LEAST_TAIL_ROUND_MS, Math.ceil((LEAST_TAIL_REQUESTS * 1000) / perSecond))
  guard(least <= MOST_TAIL_ROUND_MS, `${perSecond.toFixed(0)} requests a second are too few to tell a tail`)
  const seen = await inTurn(lab, [subject, floor], least, (side, requests, milliseconds) =>
    told(side, () =>
      lab.load.runOpen({ port: side.port, requests, connections: CONNECTIONS, milliseconds, perSecond }),
    ),
  )
  const tailOf = (side: Side): SideFigures => {
    const rounds = seen.get(side) ?? []
    const [p99, delay] = [median(rounds.map((round) => round.p99)), median(rounds.map((round) => round.p99Delay))]
    guard(delay <= p99 * MOST_DELAY, `requests went out ${delay.toFixed(1)} ms late, of ${p99.toFixed(1)} ms`)
    const figures = figuresOf(side, seen)
    const kept = figures.rate.median
    guard(kept >= perSecond * LEAST_KEPT_UP, `${side.name}: ${kept.toFixed(0)} of ${perSecond.toFixed(0)} a second`)
    return { ...figures, p99 }
  }
  const sides = [tailOf(subject), tailOf(floor)] as const
  return { ratio: (sides[1].p99 ?? Number.NaN) / (sides[0].p99 ?? Number.NaN), cpuRatio: cpuRatioOf(sides), sides }
}

const cpuRatioOf = ([subject, floor]: Comparison["sides"]): number =>
  (floor.cpu ?? Number.NaN) / (subject.cpu ?? Number.NaN)

/** Microseconds of the processor for one answer, with what was left to do after it. */
interface Taken {
  readonly cpu: number
}

async function inTurn<Took extends Seen>(
  lab: Lab,
  both: readonly [Side, Side],
  least: number,
  ask: Ask<Took>,
): Promise<ReadonlyMap<Side, readonly (Took & Taken)[]>> {
  const seen = new Map<Side, (Took & Taken)[]>(both.map((side) => [side, []]))
  const answered = new Map<Side, number>()
  const put = async (side: Side, milliseconds: number): Promise<Took & Taken> => {
    let answers = 0
    const before = processorTime(side.pid)
    const askOnce = async (milliseconds: number): Promise<Took> => {
      const took = await ask(side, await requestsOf(side), milliseconds)
      // The server has counted the answers of a round that was too short for a figure, too.
      answered.set(side, (answered.get(side) ?? 0) + took.answered)
      answers += took.answered
      return took
    }
    let took = await askOnce(milliseconds)
    // On a busy machine it takes longer to see enough.
    for (let longer = 4; took.answered < LEAST_ANSWERS && longer <= 16; longer *= 4) {
      took = await askOnce(milliseconds * longer)
    }
    guard(took.answered >= LEAST_ANSWERS, `${side.name}: only ${took.answered} answers in ${milliseconds} ms`)
    await quiet()
    return { ...took, cpu: (processorTime(side.pid) - before) / 1000 / answers }
  }
  for (const side of both) await probe(lab, side)
  const before = await Promise.all(both.map(async (side) => side.counted?.()))
  for (const side of both) await put(side, Math.max(least, lab.pace.warmUp))
  for (let round = 0; round < lab.pace.rounds; round++) {
    for (const side of round % 2 === 0 ? both : both.toReversed()) {
      seen.get(side)?.push(await put(side, Math.max(least, lab.pace.round)))
    }
    lab.say(`round ${round + 1} of ${lab.pace.rounds}`)
  }
  for (const [index, side] of both.entries()) {
    const start = before[index]
    const count = await side.counted?.()
    if (start === undefined || count === undefined) continue
    const expected = answered.get(side) ?? 0
    guard(count - start === expected, `${side.name}: answered ${expected} times, but counted ${count - start}`)
  }
  for (const side of both) await probe(lab, side)
  return seen
}

/** As much as it bears; a side of which each request may be asked once only, no more than that. */
function saturate(lab: Lab, side: Side, requests: readonly PreparedRequest[], milliseconds: number): Promise<Seen> {
  const answers = typeof side.requests === "function" ? requests.length : Infinity
  return drive(lab, side, requests, { connections: CONNECTIONS, milliseconds, answers })
}

/** Each request that is timed, and each probe, once. */
async function probe(lab: Lab, side: Side): Promise<void> {
  for (const requests of [(await requestsOf(side)).slice(0, MANY_PROBES), side.probes]) {
    if (requests.length === 0) continue
    const all = { connections: 1, milliseconds: 10_000, answers: requests.length }
    const { answered } = await drive(lab, side, requests, all)
    guard(answered === requests.length, `${side.name}: answered ${answered} of ${requests.length} in time`)
  }
}

async function requestsOf({ requests }: Side): Promise<readonly PreparedRequest[]> {
  return typeof requests === "function" ? requests() : requests
}

function drive(
  lab: Lab,
  side: Side,
  requests: readonly PreparedRequest[],
  bounds: { readonly connections: number; readonly milliseconds: number; readonly answers: number },
): Promise<Seen> {
  return told(side, () => lab.load.run({ port: side.port, requests, ...bounds }))
}

/** Whatever goes wrong is told with the server's own word. */
async function told<Took extends Seen>(side: Side, run: () => Promise<Took>): Promise<Took> {
  try {
    const took = await run()
    const [failure] = took.failures
    guard(failure === undefined, `${side.name}: ${failure}\n${side.complaints()}`)
    return took
  } catch (error) {
    if (error instanceof GuardTripped) throw error
    throw new GuardTripped(`${side.name}: ${String(error)}\n${side.complaints()}`)
  }
}

function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, QUIET_MS))
}

function figuresOf(side: Side, seen: ReadonlyMap<Side, readonly (Seen & Taken)[]>): SideFigures {
  const rounds = seen.get(side) ?? []
  const rates = rounds.map(({ rate }) => rate)
  const rate = { median: median(rates), least: Math.min(...rates), most: Math.max(...rates) }
  const cpu = lowestQuarter(rounds.map((round) => round.cpu))
  return { name: side.name, rate, cpu, p50: median(rounds.map(({ p50 }) => p50)) }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]]
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2
}
