/**
 * The Worker as it is, measured from outside: what its objects are asked, what they read and write, when they wake and
 * how long they cannot hibernate. All objects are in one isolate here, so that one meter is enough. Its clock stands
 * still from the first step on, and is moved by `METER_AT`.
 */
import "./clock.ts"
import { AsyncLocalStorage } from "node:async_hooks"
import { DurableObject } from "cloudflare:workers"
import * as all from "../../src/index.ts"
import { forgetDeadTimers, hasTimer, nextTimer, now, pause, setClock, stopClock, watchTimers } from "./clock.ts"
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
/** Methods that every object has here, and that are not counted. */
const FIRE = "fireForMeter"
const EVICT = "evictForMeter"
type Method = (this: DurableObject<Env>, ...args: unknown[]) => unknown

const UNUSED: Usage = { requests: 0, alarms: 0, wakings: 0, written: 0, read: 0, waited: 0 }
let usage = new Map<string, Usage>()
/** Statements whose rows are not counted yet: a cursor reads on for as long as it is asked. */
let statements: { readonly name: string; readonly cursor: SqlStorageCursor<Record<string, SqlStorageValue>> }[] = []
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
  const original: unknown = all[name]
  if (!isObjectClass(original)) throw new Error(`${name} is no class of objects`)
  counted.add(name)
  for (const method of Object.getOwnPropertyNames(original.prototype)) {
    const property = Object.getOwnPropertyDescriptor(original.prototype, method)
    if (method === "constructor" || typeof property?.value !== "function") continue
    Object.defineProperty(original.prototype, method, { ...property, value: measured(name, method, property.value) })
  }
  Object.assign(original.prototype, {
    async [FIRE](this: Reachable) {
      await fireNow(this.ctx.storage)
    },
    [EVICT](this: Reachable) {
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
    if (method === "alarm") {
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

let isWatched = false
/** Once for all objects: their storage is of one class each. */
function watchStorage(storage: DurableObjectStorage): void {
  if (isWatched) return
  isWatched = true
  const sql: SqlStorage = Object.getPrototypeOf(storage.sql)
  const { exec } = sql
  sql.exec = function (this: SqlStorage, ...args: Parameters<typeof exec>) {
    const cursor = Reflect.apply(exec, this, args)
    statements.push({ name: ownerOf.get(this)?.name ?? "?", cursor })
    return cursor
  } as typeof exec
  const real: DurableObjectStorage = Object.getPrototypeOf(storage)
  const { setAlarm, getAlarm, deleteAlarm } = real
  real.setAlarm = async function (this: DurableObjectStorage, at) {
    const owner = ownerOf.get(this)
    if (owner) alarms.set(keyOf(owner), Number(at) + LATE_MS)
    usageOf(owner?.name ?? "?").written += 1
    return setAlarm.call(this, Number(at) + NEVER_MS)
  }
  real.getAlarm = async function (this: DurableObjectStorage) {
    usageOf(ownerOf.get(this)?.name ?? "?").read += 1
    const at = await getAlarm.call(this)
    return at === null ? null : at - NEVER_MS
  }
  real.deleteAlarm = async function (this: DurableObjectStorage) {
    const owner = ownerOf.get(this)
    if (owner) alarms.delete(keyOf(owner))
    usageOf(owner?.name ?? "?").written += 1
    return deleteAlarm.call(this)
  }
  const { deleteAll } = real
  real.deleteAll = async function (this: DurableObjectStorage) {
    usageOf(ownerOf.get(this)?.name ?? "?").written += 1
    return deleteAll.call(this)
  }
  fireNow = (of) => setAlarm.call(of, Date.now() - NEVER_MS)
}
/** An alarm in the past comes at once. */
let fireNow: (storage: DurableObjectStorage) => Promise<void>

let isKvWatched = false
function watchKv(kv: KVNamespace): void {
  if (isKvWatched) return
  isKvWatched = true
  const real: KVNamespace = Object.getPrototypeOf(kv)
  const { get } = real
  real.get = function (this: KVNamespace, ...args: unknown[]) {
    kvReads += 1
    return Reflect.apply(get, this, args)
  } as typeof get
}

export const RecordLog = metered("RecordLog")
export const KeyRing = metered("KeyRing")
export const Inbox = metered("Inbox")
export const OnceLog = metered("OnceLog")
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

type Named = Readonly<Record<typeof FIRE | typeof EVICT, () => Promise<void>>>

function stubOf(env: Env, key: string): Named {
  const [name = "", id = ""] = key.split(" ")
  const namespace = Reflect.get(env, bindingOf(name))
  return namespace.get(namespace.idFromString(id))
}

/** Milliseconds of real time in which whatever was begun has ended, or waits for a timer. */
const SETTLED_AFTER_MS = 10
const SETTLED_WITHIN_MS = 250

async function settled(): Promise<void> {
  await pause(SETTLED_AFTER_MS)
  for (let waited = 0; running > 0 && waited < SETTLED_WITHIN_MS; waited += SETTLED_AFTER_MS) {
    await pause(SETTLED_AFTER_MS)
  }
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
    forgetDeadTimers()
  }
}

async function fire(env: Env, key: string, due: number): Promise<void> {
  await stubOf(env, key)[FIRE]()
  for (let waited = 0; alarms.get(key) === due && waited < SETTLED_WITHIN_MS; waited += 1) await pause(1)
}

async function evictIdle(env: Env, at: number): Promise<void> {
  for (const [key, owner] of [...living]) {
    if (owner.lastAt + HIBERNATES_AFTER_MS > at || hasTimer(owner)) continue
    living.delete(key)
    closeBooks(owner)
    await stubOf(env, key)[EVICT]().catch(() => undefined)
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

/** All since the last time. */
function report(): object {
  for (const owner of living.values()) closeBooks(owner)
  for (const { name, cursor } of statements) {
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
