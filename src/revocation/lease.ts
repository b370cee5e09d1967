/**
 * The switches, observations and risks as this isolate knows them: valid for the time of a lease, and renewed while
 * calls go on. Only a call that finds no lease waits for one; if none is available, every call is denied. The first
 * lease also brings the keys by which an isolate verifies and records, and later ones renew them.
 */
import { within } from "../platform/timeout.ts"
import * as z from "zod"
import { ACTIONS, type Action } from "../core/catalog/tool.ts"
import type { Observations } from "../core/catalog/drift.ts"
import { logEvent } from "../platform/log.ts"
import { prepared } from "../platform/prepared-schema.ts"
import { Refresh } from "../platform/refresh.ts"
import type { RequestContext } from "../request-context.ts"
import { keepRecordKey } from "../audit/record-key.ts"
import { areOwnKeysDue, keepOwnKeys } from "../credentials/key-sets/own-keys.ts"
import { readObservations } from "../core/signals/leased-observations.ts"
import { readRisks, writtenRisk, type Risks } from "../core/signals/leased-risks.ts"
import type { Switch } from "../core/signals/switch.ts"
import { LEASE_MS, switchboard } from "./switchboard.ts"

/** Renewed after half its time. */
const RENEW_AFTER_MS = LEASE_MS / 2
const TIMEOUT_MS = 5_000
/** A renewal ahead of time is worth nothing once its lease would have expired. */
const AHEAD = { timeout: LEASE_MS, pause: 0, longestPause: 0 } as const

export interface Lease {
  readonly switches: readonly Switch[]
  /** Null if nothing was observed that differs. */
  readonly observations: Observations | null
  /** Null if no risk is reported. */
  readonly risks: Risks | null
  /** Calls of these action classes are denied: their records could not be kept. */
  readonly unrecorded: readonly Action[]
}

interface CachedLease extends Lease {
  /** Milliseconds since the epoch, by this isolate's clock, when it was requested. */
  readonly since: number
  /** A timer ends it. */
  readonly life: { isOver: boolean }
  /** As received: the same text a second later need not be read again. */
  readonly text: string
}

class Memory {
  lease: CachedLease | undefined
  readonly refresh = new Refresh()
}
let memory = new Memory()

/** For tests: the state of a fresh isolate. A renewal in progress ends in the memory in which it began. */
export function forgetSwitches(): void {
  memory = new Memory()
}

export type LeaseClient = Pick<RequestContext, "env" | "background">

/** Null if they are unavailable. */
export async function currentSwitches(client: LeaseClient): Promise<readonly Switch[] | null> {
  const lease = await currentLease(client)
  return lease && lease.switches
}

/**
 * Null if it is unavailable: every call is then denied. So a call that finds no lease reads one for itself. It does not
 * wait for another request's, nor for a pause after a failure; and what it read itself holds for it, however slowly it
 * came.
 */
export function currentLease({ env, background }: LeaseClient): Lease | Promise<Lease | null> {
  const now = Date.now()
  const cache = memory
  const { lease, refresh } = cache
  const age = lease ? now - lease.since : Number.POSITIVE_INFINITY
  // If the clock was set back, the age is unknown. By less than the age: the lease's timer ends it.
  if (!lease || lease.life.isOver || age < 0 || age >= LEASE_MS) return renewLease({ env, background })
  if (age >= RENEW_AFTER_MS) {
    refresh.beside(AHEAD, { now, background, attempt: async () => readLease({ env, background }, cache), onFailure })
  }
  return lease
}

/** When the lease of this isolate was requested, in milliseconds since the epoch. Null if it has none, or an expired one. */
export function leasedAt(): number | null {
  const { lease } = memory
  const age = Date.now() - (lease?.since ?? Number.NEGATIVE_INFINITY)
  return lease && !lease.life.isOver && age >= 0 && age < LEASE_MS ? lease.since : null
}

const switchSchema = z.strictObject({
  id: z.string(),
  before: z.number().nullable(),
  stopped: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("everything") }),
    z.strictObject({ kind: z.literal("agent"), agent: z.string() }),
    z.strictObject({ kind: z.literal("user"), user: z.string() }),
    z.strictObject({ kind: z.literal("issuer"), issuer: z.string() }),
    z.strictObject({ kind: z.literal("tool"), tool: z.string() }),
    z.strictObject({ kind: z.literal("key"), kid: z.string() }),
  ]),
})
/**
 * Strict: an isolate and the switchboard may run different code for minutes, and a lease of which one part is not
 * understood is no lease.
 */
const leaseSchema = prepared(
  z.strictObject({
    switches: z.array(switchSchema),
    observations: z.strictObject({
      tools: z.array(z.tuple([z.string(), z.string()])),
      headers: z.array(z.string()),
      full: z.boolean(),
    }),
    risks: z.array(writtenRisk),
    unrecorded: z.array(z.enum(ACTIONS)).default([]),
  }),
  {
    switches: [{ id: "", before: null, stopped: { kind: "everything" } }],
    observations: { tools: [["", ""]], headers: [""], full: false },
    risks: [["agent", "", 1, 0, 1]],
    unrecorded: ["read"],
  },
)

const ringSchema = prepared(
  z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())), recordKey: z.string().regex(/^[0-9a-f]{64}$/) }),
  { keys: [{ kty: "EC" }], recordKey: "0".repeat(64) },
)

function parseLease(text: string): Lease {
  const { switches, observations, risks, unrecorded } = leaseSchema.parse(JSON.parse(text))
  return { switches, observations: readObservations(observations), risks: readRisks(risks), unrecorded }
}

/** @param since when it was requested */
async function keepRing(text: string, since: number): Promise<void> {
  const { keys, recordKey } = ringSchema.parse(JSON.parse(text))
  keepRecordKey(recordKey)
  await keepOwnKeys(keys, since)
}

/** Reads a lease from the switchboard, whatever is cached. Null if it is unavailable. */
export async function renewLease(client: LeaseClient): Promise<Lease | null> {
  try {
    return await readLease(client, memory)
  } catch (error) {
    onFailure(error)
    return null
  }
}

/**
 * The lease begins before the request leaves: it can only be shorter than the switchboard assumes. A timer ends it,
 * whatever steps the clock makes meanwhile: `Date` is all that a Worker can read, and `performance.now()` is the same
 * (developers.cloudflare.com/workers/runtime-apis/performance), but timers run by a clock that makes none.
 */
async function readLease({ env, background }: LeaseClient, cache: Memory): Promise<Lease> {
  const since = Date.now()
  const life = { isOver: false }
  background(endAfter(life, LEASE_MS))
  const answer = await within(switchboard(env).read(areOwnKeysDue(since)), TIMEOUT_MS, "the switchboard")
  const [text = "", ring] = answer.split("\n")
  if (ring !== undefined) await keepRing(ring, since)
  const lease = text === cache.lease?.text ? cache.lease : parseLease(text)
  // A later one in spite of its time: the clock was set back.
  if (!cache.lease || cache.lease.since < since || cache.lease.life.isOver) {
    const { switches, observations, risks, unrecorded } = lease
    cache.lease = { switches, observations, risks, unrecorded, since, life, text }
  }
  return lease
}

async function endAfter(life: CachedLease["life"], milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds))
  life.isOver = true
}

function onFailure(error: unknown): void {
  logEvent("switches_not_read", { error: String(error) })
}
