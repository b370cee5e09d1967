/**
 * The switches as this isolate knows them: relied on for a lease's time, renewed beside the calls while there are any. Only
 * a call that finds no lease waits for one; where none can be had, nobody is let through.
 */
import { z } from "zod"
import { logEvent } from "../log.ts"
import { prepared } from "../schema.ts"
import type { Surroundings } from "../surroundings.ts"
import type { Switch } from "./switch.ts"
import { LEASE_MS, switchboard } from "./switchboard.ts"

/** Renewed when it has half run out. */
const RENEW_AFTER_MS = LEASE_MS / 2
const TIMEOUT_MS = 5_000

interface Lease {
  readonly switches: readonly Switch[]
  /** Milliseconds, by this isolate's clock, when it was asked for. */
  readonly since: number
}

let held: Lease | undefined
/** When the renewal under way began; one that was cut off is given up. */
let renewingSince = Number.NEGATIVE_INFINITY

/** For tests: a fresh isolate. */
export function forgetSwitches(): void {
  held = undefined
  renewingSince = Number.NEGATIVE_INFINITY
}

/** Null where they cannot be known. */
export async function currentSwitches({
  env,
  background,
}: Pick<Surroundings, "env" | "background">): Promise<readonly Switch[] | null> {
  const now = Date.now()
  const age = held ? now - held.since : Number.POSITIVE_INFINITY
  // A clock that was set back says nothing about how long ago that was.
  if (held && age >= 0 && age < LEASE_MS) {
    if (age >= RENEW_AFTER_MS && now - renewingSince >= LEASE_MS) {
      renewingSince = now
      background(renew(env).finally(() => (renewingSince = Number.NEGATIVE_INFINITY)))
    }
    return held.switches
  }
  return renew(env)
}

const schema = prepared(
  z.array(
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
  ),
  [{ id: "", before: null, stopped: { kind: "everything" } }],
)

/** The lease begins before the question leaves: it can only be shorter than what the switchboard reckons with. */
async function renew(env: Env): Promise<readonly Switch[] | null> {
  const since = Date.now()
  let timer: ReturnType<typeof setTimeout> | null = null
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the switchboard did not answer in time")), TIMEOUT_MS)
  })
  try {
    const switches = schema.parse(JSON.parse(await Promise.race([switchboard(env).read(), timeout])))
    if (!held || held.since < since) held = { switches, since }
    return switches
  } catch (error) {
    logEvent("switches_not_read", { error: String(error) })
    return null
  } finally {
    clearTimeout(timer)
  }
}
