/**
 * The Worker as it is, measured from outside: what its objects are asked, what they read and write, when they wake and
 * how long they cannot hibernate. All objects are in one isolate here, so that one meter is enough. Its clock stands
 * still from the first step on, and is moved by `METER_AT`.
 */
import {
  forgetDeadTimers,
  hasTimer,
  isTimerDue,
  nextTimer,
  now,
  pause,
  setClock,
  stopClock,
  watchTimers,
} from "./clock.ts"
import { AsyncLocalStorage } from "node:async_hooks"
import { DurableObject } from "cloudflare:workers"
import * as all from "../../src/index.ts"
import worker from "./signed-in.ts"

export * from "../../src/index.ts"

const METER_AT = "/bench/meter"

/** Of the objects of one class; what is billed has its name from Cloudflare's price list. */
interface Usage {
  /** Calls of their methods, and alarms. */
  requests: number
  alarms: number
  /** An object that was in no memory. */
  wakings: number
  written: number
  read: number
  /** Milliseconds in which an object waited for a timer of its own and could not hibernate. */
  waited: number
}

/** An object that is in memory. */
interface Metered {
  readonly name: string
  readonly ctx: DurableObjectState
  /** When it last answered. */
  lastAt: number
  readonly waits: [from: number, until: number][]
}

type Class = new (ctx: DurableObjectState, env: Env) => DurableObject<Env>
interface Reachable {
  readonly ctx: DurableObjectState
}
type Method = (this: DurableObject<Env>, ...args: unknown[]) => unknown

const UNUSED: Usage = { requests: 0, alarms: 0, wakings: 0, written: 0, read: 0, waited: 0 }
let usage = new Map<string, Usage>()
/** Statements whose rows are not counted yet: a cursor reads on for as long as it is asked. */
let statements: { readonly name: string; readonly cursor: unknown }[] = []
let kvReads = 0
const counted = new Set<string>()
/** What is in flight: while there is any, time stands still. */
let running = 0

const living = new Map<string, Metered>()
const ownerOf = new WeakMap<object, Metered>()
const current = new AsyncLocalStorage<Metered>()
watchTimers(
  () => current.getStore() ?? null,
  (owner, from, until) => ownerOf.get(owner)?.waits.push([from, until]),
)

function usageOf(name: string): Usage {
  const of = usage.get(name) ?? { ...UNUSED }
  usage.set(name, of)
  return of
}

/** So far ahead of its time an alarm is kept, so that none comes by itself. */
const NEVER_MS = 365 * 24 * 60 * 60 * 1000
/** When the alarm of each object is due. */
const alarms = new Map<string, number>()
/** No alarm comes at the very millisecond for which it was set. */
const LATE_MS = 1
/** An object that can hibernate leaves the memory after so long without a request. */
const HIBERNATES_AFTER_MS = 10_000

/** The class with its methods measured, in place of the one above by whose name it is bound. */
function metered(name: keyof typeof all): Class {
  const original: unknown = Reflect.get(all, name)
  if (!isObjectClass(original)) throw new Error(`${name} is no class of objects`)
  counted.add(name)
  for (const method of Object.getOwnPropertyNames(original.prototype)) {
    const property = Object.getOwnPropertyDescriptor(original.prototype, method)
    if (method === "constructor" || typeof property?.value !== "function") continue
    Object.defineProperty(original.prototype, method, { ...property, value: measured(name, method, property.value) })
  }
  Object.assign(original.prototype, {
    async fireForMeter(this: Reachable) {
      await fireNow(this.ctx.storage)
    },
    evictForMeter(this: Reachable) {
      this.ctx.abort("evicted")
    },
  })
  return new Proxy(original, {
    construct(target, [ctx, env]: [DurableObjectState, Env], newTarget) {
      const owner: Metered = { name, ctx, lastAt: now(), waits: [] }
      ownerOf.set(owner, owner)
      watchStorage(ctx.storage)
      watchKv(env.BUNDLES)
      ownerOf.set(ctx.storage, owner).set(ctx.storage.sql, owner)
      usageOf(name).wakings += 1
      living.set(keyOf(owner), owner)
      const object: DurableObject<Env> = current.run(owner, () => Reflect.construct(target, [ctx, env], newTarget))
      ownerOf.set(object, owner)
      return object
    },
  })
}

function isObjectClass(value: unknown): value is Class {
  return typeof value === "function" && value.prototype instanceof DurableObject
}

const keyOf = ({ name, ctx }: Metered): string => `${name} ${ctx.id.toString()}`

function measured(name: string, method: string, original: Method): Method {
  return function (this, ...args) {
    const owner = ownerOf.get(this)
    // Its own methods that an object calls are no requests.
    if (!owner || current.getStore() === owner) return original.apply(this, args)
    usageOf(name).requests += 1
    if (method === "onAlarm") {
      usageOf(name).alarms += 1
      alarms.delete(keyOf(owner))
    }
    return current.run(owner, () => inFlight(owner, () => original.apply(this, args)))
  }
}

function inFlight(owner: Metered, work: () => unknown): unknown {
  const ended = (): void => {
    running -= 1
    owner.lastAt = now()
  }
  running += 1
  let result: unknown
  try {
    result = work()
  } catch (error) {
    ended()
    throw error
  }
  if (result instanceof Promise) return result.finally(ended)
  ended()
  return result
}

/** Puts a method in place of another, which it gets for the same object. */
function around(
  prototype: object,
  name: string,
  instead: (real: (...args: unknown[]) => unknown, self: object, args: readonly unknown[]) => unknown,
): void {
  const real: unknown = Reflect.get(prototype, name)
  if (typeof real !== "function") throw new Error(`there is no method ${name}`)
  const value = function (this: object, ...args: unknown[]): unknown {
    return instead((...others) => Reflect.apply(real, this, others), this, args)
  }
  Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
}

const usageBy = (self: object): Usage => usageOf(ownerOf.get(self)?.name ?? "nobody")
let isWatched = false
/** An alarm in the past comes at once. */
let fireNow = async (_storage: DurableObjectStorage): Promise<void> => {}

/** Once for all objects: what they store by is of one class each. */
function watchStorage(storage: DurableObjectStorage): void {
  if (isWatched) return
  isWatched = true
  around(Object.getPrototypeOf(storage.sql), "exec", (real, self, args) => {
    const cursor = real(...args)
    statements.push({ name: ownerOf.get(self)?.name ?? "nobody", cursor })
    return cursor
  })
  const prototype: DurableObjectStorage = Object.getPrototypeOf(storage)
  const setAlarm = Reflect.get(prototype, "setAlarm")
  fireNow = async (of) => Reflect.apply(setAlarm, of, [Date.now() - NEVER_MS])
  around(prototype, "setAlarm", async (real, self, [at]) => {
    const owner = ownerOf.get(self)
    if (owner) alarms.set(keyOf(owner), Number(at) + LATE_MS)
    usageBy(self).written += 1
    return real(Number(at) + NEVER_MS)
  })
  around(prototype, "getAlarm", async (real, self) => {
    usageBy(self).read += 1
    const at = await real()
    return at === null ? null : Number(at) - NEVER_MS
  })
  around(prototype, "deleteAlarm", async (real, self) => {
    const owner = ownerOf.get(self)
    if (owner) alarms.delete(keyOf(owner))
    usageBy(self).written += 1
    return real()
  })
  around(prototype, "deleteAll", async (real, self) => {
    usageBy(self).written += 1
    return real()
  })
}

let isKvWatched = false
function watchKv(kv: KVNamespace): void {
  if (isKvWatched) return
  isKvWatched = true
  around(Object.getPrototypeOf(kv), "get", (real, _self, args) => {
    kvReads += 1
    return real(...args)
  })
}

export const Exporter = metered("Exporter")
export const MetricsExporter = metered("MetricsExporter")
export const RecordLog = metered("RecordLog")
export const Inbox = metered("Inbox")
export const ClientRegistry = metered("ClientRegistry")
export const OnceLog = metered("OnceLog")
export const Registration = metered("Registration")
export const Outbound = metered("Outbound")
export const Publications = metered("Publications")
export const Session = metered("Session")
export const Ledger = metered("Ledger")
export const SharedLimit = metered("SharedLimit")
export const Switchboard = metered("Switchboard")
/** A class that is missing above would be used and not counted. */
for (const [name, value] of Object.entries(all)) {
  if (isObjectClass(value) && !counted.has(name)) throw new Error(`${name} is not metered`)
}

/** As wrangler.toml names the binding of a class. */
const bindingOf = (name: string): string => name.replaceAll(/(?<=[a-z])[A-Z]/gu, "_$&").toUpperCase()

/** Every object has these methods here, and they are not counted. */
interface Driven {
  fireForMeter(): Promise<void>
  evictForMeter(): Promise<void>
}

function stubOf(env: Env, key: string): Driven {
  const [name = "", id = ""] = key.split(" ")
  const namespace = Reflect.get(env, bindingOf(name))
  return namespace.get(namespace.idFromString(id))
}

/** Milliseconds of real time between two looks whether whatever was begun has ended, or waits for a later timer. */
const LOOK_EVERY_MS = 4
const QUIET_LOOKS = 3
/** By then the request that should have looked at a due timer is gone, on a busy machine too. */
const SETTLED_WITHIN_MS = 2_000

const isBusy = (): boolean => running > 0 || isTimerDue()

async function settled(): Promise<void> {
  let quiet = 0
  for (let waited = 0; quiet < QUIET_LOOKS && waited < SETTLED_WITHIN_MS; waited += LOOK_EVERY_MS) {
    await pause(LOOK_EVERY_MS)
    quiet = isBusy() ? 0 : quiet + 1
  }
  forgetDeadTimers()
}

/** Moves the clock from one timer or alarm to the next, as far as it goes. */
async function advance(env: Env, milliseconds: number): Promise<void> {
  stopClock()
  await settled()
  const until = now() + milliseconds
  while (now() < until) {
    const at = Math.min(until, nextTimer(), ...alarms.values())
    await evictIdle(env, at)
    setClock(at)
    for (const [key, due] of alarms) if (due <= at) await fire(env, key, due)
    await settled()
  }
}

async function fire(env: Env, key: string, due: number): Promise<void> {
  await stubOf(env, key).fireForMeter()
  for (let waited = 0; alarms.get(key) === due && waited < SETTLED_WITHIN_MS; waited += 1) await pause(1)
}

async function evictIdle(env: Env, at: number): Promise<void> {
  for (const [key, owner] of living.entries().toArray()) {
    if (owner.lastAt + HIBERNATES_AFTER_MS > at || hasTimer(owner)) continue
    living.delete(key)
    closeBooks(owner)
    await stubOf(env, key)
      .evictForMeter()
      .catch(() => undefined)
  }
}

/** What it has waited, without counting twice what two timers waited for at once. */
function closeBooks(owner: Metered): void {
  let end = 0
  for (const [from, until] of owner.waits.toSorted(([a], [b]) => a - b)) {
    usageOf(owner.name).waited += Math.max(0, until - Math.max(from, end))
    end = Math.max(end, until)
  }
  owner.waits.length = 0
}

function isCounting(cursor: unknown): cursor is { readonly rowsRead: number; readonly rowsWritten: number } {
  return typeof cursor === "object" && cursor !== null && "rowsRead" in cursor && "rowsWritten" in cursor
}

/** All since the last time. */
function report(): object {
  for (const owner of living.values()) closeBooks(owner)
  for (const { name, cursor } of statements) {
    if (!isCounting(cursor)) throw new Error("a cursor that does not count its rows")
    usageOf(name).read += cursor.rowsRead
    usageOf(name).written += cursor.rowsWritten
  }
  const said = { classes: Object.fromEntries(usage), kvReads, now: now() }
  ;[usage, statements, kvReads] = [new Map(), [], 0]
  return said
}

export default {
  async fetch(request, env, ctx) {
    watchKv(env.BUNDLES)
    if (!request.url.endsWith(METER_AT)) return worker.fetch(request, env, ctx)
    if (request.method === "POST") await advance(env, Number(await request.text()))
    return Response.json(request.method === "POST" ? { now: now() } : report())
  },
} satisfies ExportedHandler<Env>
