/**
 * The switches, observations and risks as this isolate knows them: valid for the time of a lease, and renewed while
 * calls go on. Only a call that finds no lease waits for one; if none is available, every call is denied.
 */
import { within } from "../platform/timeout.ts"
import * as z from "zod"
import type { Observations } from "../core/catalog/drift.ts"
import { logEvent } from "../platform/log.ts"
import { prepared } from "../platform/prepared-schema.ts"
import type { RequestContext } from "../request-context.ts"
import { readObservations } from "../core/signals/leased-observations.ts"
import { readRisks, writtenRisk, type Risks } from "../core/signals/leased-risks.ts"
import type { Switch } from "../core/signals/switch.ts"
import { LEASE_MS, LEASE_VERSION, switchboard } from "./switchboard.ts"

/** Renewed after half its time. */
const RENEW_AFTER_MS = LEASE_MS / 2
const TIMEOUT_MS = 5_000

export interface Lease {
  readonly switches: readonly Switch[]
  /** Null if nothing was observed that differs. */
  readonly observations: Observations | null
  /** Null if no risk is reported. */
  readonly risks: Risks | null
}

interface CachedLease extends Lease {
  /** Milliseconds since the epoch, by this isolate's clock, when it was requested. */
  readonly since: number
  /** As received: the same text a second later need not be read again. */
  readonly text: string
}

let cachedLease: CachedLease | undefined
/** When the renewal in progress began; one that was cut off is abandoned. */
let renewingSince = Number.NEGATIVE_INFINITY

/** For tests: the state of a fresh isolate. */
export function forgetSwitches(): void {
  cachedLease = undefined
  renewingSince = Number.NEGATIVE_INFINITY
}

type LeaseClient = Pick<RequestContext, "env" | "background">

/** Null if they are unavailable. */
export async function currentSwitches(client: LeaseClient): Promise<readonly Switch[] | null> {
  const lease = await currentLease(client)
  return lease && lease.switches
}

/** Null if it is unavailable: every call is then denied. */
export async function currentLease({ env, background }: LeaseClient): Promise<Lease | null> {
  const now = Date.now()
  const age = cachedLease ? now - cachedLease.since : Number.POSITIVE_INFINITY
  // If the clock was set back, the age is unknown.
  if (cachedLease && age >= 0 && age < LEASE_MS) {
    if (age >= RENEW_AFTER_MS && now - renewingSince >= LEASE_MS) {
      renewingSince = now
      background(renewLease(env).finally(() => (renewingSince = Number.NEGATIVE_INFINITY)))
    }
    return cachedLease
  }
  return renewLease(env)
}

const switchesSchema = z.array(
  z.object({
    id: z.string(),
    before: z.number().nullable(),
    stopped: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("everything") }),
      z.object({ kind: z.literal("agent"), agent: z.string() }),
      z.object({ kind: z.literal("user"), user: z.string() }),
      z.object({ kind: z.literal("tool"), tool: z.string() }),
      z.object({ kind: z.literal("key"), kid: z.string() }),
    ]),
  }),
)
const leaseSchema = prepared(
  z.object({
    switches: switchesSchema,
    observations: z.object({
      tools: z.array(z.tuple([z.string(), z.string()])),
      headers: z.array(z.string()),
      full: z.boolean(),
    }),
    // Absent from an object that still runs older code, which cannot have stored any.
    risks: z.array(writtenRisk).default([]),
  }),
  {
    switches: [{ id: "", before: null, stopped: { kind: "everything" } }],
    observations: { tools: [["", ""]], headers: [""], full: false },
    risks: [["agent", "", 1, 0, 1]],
  },
)

function readLease(text: string): Lease {
  const json: unknown = JSON.parse(text)
  // From an object that still runs older code during a deployment, which cannot have stored any observations.
  if (Array.isArray(json)) return { switches: switchesSchema.parse(json), observations: null, risks: null }
  const { switches, observations, risks } = leaseSchema.parse(json)
  return { switches, observations: readObservations(observations), risks: readRisks(risks) }
}

/** The lease begins before the request leaves: it can only be shorter than the switchboard assumes. */
export async function renewLease(env: Env): Promise<Lease | null> {
  const since = Date.now()
  try {
    const text = await within(switchboard(env).read(LEASE_VERSION), TIMEOUT_MS, "the switchboard")
    const lease = text === cachedLease?.text ? cachedLease : readLease(text)
    if (!cachedLease || cachedLease.since < since) {
      const { switches, observations, risks } = lease
      cachedLease = { switches, observations, risks, since, text }
    }
    return lease
  } catch (error) {
    logEvent("switches_not_read", { error: String(error) })
    return null
  }
}
