/** What one call of each kind takes of Cloudflare's, counted on the real Worker with a meter on its objects. */
import { atOnce } from "../at-once.ts"
import { guard } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import { Load } from "../load/load.ts"
import { buildMetered } from "../servers/build.ts"
import { startNarrowgate, type Narrowgate } from "../servers/narrowgate.ts"
import { changePolicies, newRobot, type Alone, type InLoop, type Kind, type Place } from "./kinds.ts"

/** Of the objects of one class, as workers/metered.ts counts them; `waited` in milliseconds. */
export type Usage = Readonly<Record<"requests" | "alarms" | "wakings" | "written" | "read" | "waited", number>>

/** Of one call on average. */
export interface Counts {
  /** To the Worker. */
  readonly requests: number
  readonly kvReads: number
  /** By class of objects. */
  readonly classes: Readonly<Record<string, Usage>>
}

/** An agent that thinks between its calls. */
export const ALONE = { calls: 20, everyMs: 5_000, silenceMs: 600_000 } as const
/** Each for a user of its own. */
export const IN_LOOP = { agents: 8, calls: 500, everyMs: 10 } as const
/** By then every object has forgotten what it opened for, and nothing is scheduled but the rotation of keys. */
const UNTIL_FORGOTTEN_MS = 4 * 3_600_000
/** Objects that could hibernate are in no memory any more. */
export const ASLEEP_AFTER_MS = 20_000

interface Metered extends Place, AsyncDisposable {
  pass(milliseconds: number): Promise<void>
  /** Since the last time. */
  report(): Promise<Counts>
}

/** Processes that count at the same time: they wait more than they work. */
const AT_ONCE = 3

export async function countAll(lab: Lab, kinds: readonly Kind[]): Promise<ReadonlyMap<Kind, Counts>> {
  await buildMetered(lab)
  const found = new Map<Kind, Counts>()
  await atOnce(AT_ONCE, kinds, async (kind) => {
    lab.say(`counting: ${kind.name}, ${kind.pace}`)
    found.set(kind, await count(lab, kind))
  })
  return found
}

/** What would have happened without a call is no part of what calls cost. */
async function count(lab: Lab, kind: Kind): Promise<Counts> {
  if (kind.pace === "in a loop") {
    const [all, without] = [await runLoop(lab, kind, IN_LOOP.calls), await runLoop(lab, kind, 0)]
    return perCall(all.counts, without.counts, all.calls)
  }
  const all = await runAlone(lab, kind, ALONE.calls)
  return perCall(all, await runAlone(lab, kind, 0), ALONE.calls)
}

async function runAlone(lab: Lab, kind: Alone, calls: number): Promise<Counts> {
  await using place = await metered(lab, kind)
  const ask = await kind.begin(place, "alone")
  await place.pass(ASLEEP_AFTER_MS)
  await place.report()
  let requests = 0
  for (let call = 0; call < calls; call++) {
    requests += await ask()
    await place.pass(ALONE.everyMs)
  }
  await place.pass(ALONE.everyMs * (ALONE.calls - calls))
  await place.pass(ALONE.silenceMs)
  await place.pass(UNTIL_FORGOTTEN_MS)
  return { ...(await place.report()), requests }
}

async function runLoop(
  lab: Lab,
  kind: InLoop,
  calls: number,
): Promise<{ readonly counts: Counts; readonly calls: number }> {
  await using place = await metered(lab, kind)
  // One of its own: others count at the same time.
  await using load = new Load()
  const requests = await kind.begin(place, IN_LOOP.agents)
  await place.pass(ASLEEP_AFTER_MS)
  await place.report()
  const { port, complaints } = place.narrowgate.workerd
  const bounds = { connections: requests.length, milliseconds: 10_000, answers: requests.length }
  for (let call = 0; call < calls; call++) {
    const { failures, answered } = await load.run({ port, requests, ...bounds })
    guard(failures.length === 0, `${failures[0] ?? ""}\n${complaints()}`)
    guard(answered === requests.length, `only ${answered} of ${requests.length} were answered`)
    await place.pass(IN_LOOP.everyMs)
  }
  await place.pass(IN_LOOP.everyMs * (IN_LOOP.calls - calls))
  await place.pass(ALONE.silenceMs)
  await place.pass(UNTIL_FORGOTTEN_MS)
  const made = calls * requests.length
  return { counts: { ...(await place.report()), requests: made }, calls: made }
}

async function metered(lab: Lab, { hasSharedLimit = false }: Kind): Promise<Metered> {
  const robot = await newRobot()
  const narrowgate = await startNarrowgate(
    lab,
    { [robot.id]: robot.publicJwk },
    (directory) => changePolicies(directory, hasSharedLimit),
    buildMetered,
    false,
    true,
  )
  const meter = new Meter(narrowgate)
  return {
    narrowgate,
    robot,
    now: async () => Math.floor((await meter.pass(0)) / 1000),
    pass: async (milliseconds) => void (await meter.pass(milliseconds)),
    report: async () => ({ ...(await meter.report()), requests: 0 }),
    [Symbol.asyncDispose]: () => narrowgate[Symbol.asyncDispose](),
  }
}

/** The meter on the objects of a Worker: workers/metered.ts. It moves their clock too. */
export class Meter {
  readonly #workerd: Narrowgate["workerd"]
  readonly #url: string

  constructor({ workerd }: Narrowgate) {
    this.#workerd = workerd
    this.#url = `http://127.0.0.1:${workerd.port}/bench/meter`
  }

  /** @returns milliseconds since the epoch, by the Worker's clock */
  async pass(milliseconds: number): Promise<number> {
    const response = await fetch(this.#url, { method: "POST", body: String(milliseconds) })
    guard(response.ok, `the meter answered ${response.status}\n${this.#workerd.complaints()}`)
    const { now }: { readonly now: number } = await response.json()
    return now
  }

  /** Since the last time. */
  async report(): Promise<Omit<Counts, "requests">> {
    return (await fetch(this.#url)).json()
  }
}

function perCall(all: Counts, without: Counts, calls: number): Counts {
  const names = new Set([...Object.keys(all.classes), ...Object.keys(without.classes)])
  const classes = Array.from(names, (name): [string, Usage] => {
    const part = (what: keyof Usage): number =>
      Math.max(0, (all.classes[name]?.[what] ?? 0) - (without.classes[name]?.[what] ?? 0)) / calls
    const ofObjects = { requests: part("requests"), alarms: part("alarms"), wakings: part("wakings") }
    return [name, { ...ofObjects, written: part("written"), read: part("read"), waited: part("waited") }]
  })
  return {
    requests: all.requests / calls,
    kvReads: Math.max(0, all.kvReads - without.kvReads) / calls,
    classes: Object.fromEntries(classes),
  }
}
