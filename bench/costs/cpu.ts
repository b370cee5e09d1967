/** What one call of each kind takes of the processor: the real Worker without a meter, in real time. */
import { setTimeout as sleep } from "node:timers/promises"
import { guard } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import { lowestQuarter, processorTime } from "../schedstat.ts"
import { buildNarrowgate, buildSignedIn } from "../servers/build.ts"
import { startNarrowgate } from "../servers/narrowgate.ts"
import { ALONE } from "./count.ts"
import { changePolicies, newRobot, type Alone, type InLoop, type Kind, type Place } from "./kinds.ts"

/** So that code is compiled, as in an isolate that others use too. */
const WARM_UP_CALLS = 200
const WARM_UP_MS = 2_000
const ROUNDS = 16
const ROUND_MS = 250
/** What is left to do after an answer is part of its cost. */
const QUIET_MS = 300
const AGENTS = 32

/** Milliseconds of the processor for each kind. */
export async function measureAll(lab: Lab, kinds: readonly Kind[]): Promise<ReadonlyMap<Kind, number>> {
  const found = new Map<Kind, number>()
  await using started = new AsyncDisposableStack()
  const waiting: (() => Promise<void>)[] = []
  for (const kind of kinds) {
    lab.say(`processor time: ${kind.name}, ${kind.pace}`)
    const place = await startPlace(lab, kind)
    if (kind.pace === "in a loop") {
      await using _place = place
      found.set(kind, await inLoop(lab, kind, place))
      continue
    }
    started.use(place)
    const ask = await warm(kind, place)
    waiting.push(async () => void found.set(kind, await alone(ask, place)))
  }
  lab.say("processor time: calls that come alone")
  // At the same time, each in a process of its own: they do nothing nearly all of the time.
  await Promise.all(waiting.map((measure) => measure()))
  return found
}

async function startPlace(lab: Lab, kind: Kind): Promise<Place & AsyncDisposable> {
  const robot = await newRobot()
  const narrowgate = await startNarrowgate(
    lab,
    { [robot.id]: robot.publicJwk },
    (directory) => changePolicies(directory, kind.hasSharedLimit ?? false),
    kind.hasPerson ? buildSignedIn : buildNarrowgate,
  )
  return {
    narrowgate,
    robot,
    now: async () => Math.floor(Date.now() / 1000),
    [Symbol.asyncDispose]: () => narrowgate[Symbol.asyncDispose](),
  }
}

async function warm(kind: Alone, place: Place): Promise<() => Promise<number>> {
  const ask = await kind.begin(place, "warm")
  for (let call = 0; call < WARM_UP_CALLS; call++) await ask()
  return kind.begin(place, "alone")
}

async function alone(ask: () => Promise<number>, { narrowgate }: Place): Promise<number> {
  const { pid } = narrowgate.workerd
  await sleep(ALONE.everyMs)
  const taken: number[] = []
  for (let call = 0; call < ALONE.calls; call++) {
    const before = processorTime(pid)
    await ask()
    await sleep(ALONE.everyMs)
    taken.push((processorTime(pid) - before) / 1e6)
  }
  return lowestQuarter(taken)
}

async function inLoop(lab: Lab, kind: InLoop, place: Place): Promise<number> {
  const requests = await kind.begin(place, AGENTS)
  const { port, pid, complaints } = place.narrowgate.workerd
  const round = async (milliseconds: number): Promise<number> => {
    const before = processorTime(pid)
    const bounds = { connections: AGENTS, milliseconds, answers: Infinity }
    const { answered, failures } = await lab.load.run({ port, requests, ...bounds })
    guard(failures.length === 0 && answered > 0, `${failures[0] ?? "no answer"}\n${complaints()}`)
    await sleep(QUIET_MS)
    return (processorTime(pid) - before) / 1e6 / answered
  }
  await round(WARM_UP_MS)
  const taken: number[] = []
  for (let index = 0; index < ROUNDS; index++) taken.push(await round(ROUND_MS))
  return lowestQuarter(taken)
}
