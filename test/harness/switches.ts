/** Switches that this isolate knows of at once: the tests of switches say how long others take. */
import { env } from "cloudflare:workers"
import { vi, type MockInstance } from "vitest"
import { forgetSwitches } from "../../src/revocation/lease.ts"
import type { Stopped } from "../../src/core/signals/switch.ts"
import { switchboard } from "../../src/revocation/switchboard.ts"

let stops = 0
let waits: MockInstance | undefined

/**
 * What is told to the switchboard is in force at once: this isolate, which is the only one, gives its lease back instead
 * of letting it run out within two seconds. Each test begins so.
 */
export function giveLeasesBack(): void {
  waits = vi.spyOn(scheduler, "wait").mockImplementation(async () => forgetSwitches())
}

/** For tests of who is still let through, and how long: leases run out in their time. */
export function keepLeases(): void {
  waits?.mockRestore()
}

/** @returns its id */
export async function stop(stopped: Stopped, before: number | null = null): Promise<string> {
  const id = `swi_${++stops}`
  await kept(switchboard(env).set({ id, stopped, before }))
  return id
}

export async function lift(id: string): Promise<void> {
  await switchboard(env).lift(id)
  forgetSwitches()
}

/** Lifts a switch and what is left of it: nothing of it stops anything any more. */
export async function liftWhole(id: string): Promise<void> {
  const done = await switchboard(env).lift(id)
  if (typeof done !== "string" && done.left) await switchboard(env).lift(done.left.id)
  forgetSwitches()
}

/**
 * What the switchboard was told is kept once it answers the next question. It answers the teller when every lease of
 * before has run out, two seconds later: this isolate, which is the only one, gives its own back at once.
 */
export async function kept(telling: Promise<void>): Promise<void> {
  // Cut off where the test ends before.
  telling.catch(() => undefined)
  await Promise.race([telling, switchboard(env).risks()])
  forgetSwitches()
}
