/** Alarms of the Durable Objects of the test build: each falls due by the clock of clock.ts, not by the runtime's. */
import type { StoredObject } from "../../src/platform/storage/stored-object.ts"
import { fireTimers, moveTo, nextTimerAt, now, realDelay, realTimeOf } from "./clock.ts"
import { environment } from "./environment.ts"

type ObjectClass = new (ctx: DurableObjectState, env: Env) => StoredObject
/** What the runtime has at the place of an object's class. */
interface DrivenObject {
  readonly fallDue: () => Promise<void>
  readonly rearm: () => Promise<void>
}

interface Alarm {
  readonly object: () => DrivenObject
  /** Null if there is none. */
  at: number | null
}

const alarms = new Map<string, Alarm>()
const alarmOf = new WeakMap<DurableObjectStorage, Alarm>()

/** The class of the release as the runtime of tests has it. */
export function driven(Released: ObjectClass, binding: ObjectBinding): ObjectClass {
  return class extends Released implements DrivenObject {
    readonly #alarm: Alarm

    constructor(ctx: DurableObjectState, env: Env) {
      const alarm = registered(ctx, binding, env)
      super(ctx, environment(env))
      this.#alarm = alarm
    }

    protected override async onAlarm(): Promise<void> {
      this.#alarm.at = null
      await super.onAlarm?.()
    }

    async fallDue(): Promise<void> {
      const { storage } = this.ctx
      // What has emptied the storage has removed the alarm, too.
      if ((await storage.getAlarm()) === null) return void (this.#alarm.at = null)
      await storage.deleteAlarm()
      await this.alarm()
    }

    async rearm(): Promise<void> {
      const { storage } = this.ctx
      const at = await storage.getAlarm()
      if (at === null) this.#alarm.at = null
      else await storage.setAlarm(at)
    }
  }
}

type ObjectBinding = { [Name in keyof Env]: Env[Name] extends { jurisdiction: unknown } ? Name : never }[keyof Env]

function registered({ id, storage }: DurableObjectState, binding: ObjectBinding, env: Env): Alarm {
  drive(storage)
  const name = `${binding}/${String(id)}`
  const namespace: DurableObjectNamespace = Reflect.get(Object(env), binding)
  const alarm = alarms.get(name) ?? {
    // Its class is the one that is driven.
    object: (): DrivenObject => Object(namespace.get(namespace.idFromString(String(id)))),
    at: null,
  }
  alarms.set(name, alarm)
  alarmOf.set(storage, alarm)
  return alarm
}

let isDriven = false

/** All objects have storage of one prototype. */
function drive(storage: DurableObjectStorage): void {
  if (isDriven) return
  isDriven = true
  const prototype: DurableObjectStorage = Object.getPrototypeOf(storage)
  const getAlarm: DurableObjectStorage["getAlarm"] = Reflect.get(prototype, "getAlarm")
  const setAlarm: DurableObjectStorage["setAlarm"] = Reflect.get(prototype, "setAlarm")
  prototype.getAlarm = async function (this: DurableObjectStorage) {
    return (await getAlarm.call(this)) === null ? null : (alarmOf.get(this)?.at ?? null)
  }
  prototype.setAlarm = async function (this: DurableObjectStorage, time) {
    const at = Number(time)
    const alarm = alarmOf.get(this)
    if (alarm) alarm.at = at
    await setAlarm.call(this, realTimeOf(at))
  }
}

/** An alarm that sets itself again at once would never end. */
const MAX_STEPS = 20_000

/** Lets time pass, step by step: what falls due on the way happens at its own time. Returns the time after it. */
export async function advance(milliseconds: number): Promise<number> {
  const turn = last.then(async () => pass(now() + milliseconds))
  last = turn.catch(() => undefined)
  await turn
  return now()
}
let last: Promise<unknown> = Promise.resolve()

async function pass(until: number): Promise<void> {
  for (let step = 0; step < MAX_STEPS; step++) {
    const set = [...alarms.values()].filter(({ at }) => at !== null)
    const at = Math.min(nextTimerAt(), ...set.map((each) => each.at ?? Number.POSITIVE_INFINITY))
    if (at > until) {
      moveTo(until)
      await fireTimers()
      await Promise.all(set.map(async ({ object }) => object().rearm()))
      return
    }
    moveTo(at)
    await fireTimers()
    await Promise.all(
      set.filter((each) => each.at !== null && each.at <= now()).map(async ({ object }) => object().fallDue()),
    )
    await realDelay(0)
  }
  throw new Error(`more than ${MAX_STEPS} alarms and timers fell due`)
}
