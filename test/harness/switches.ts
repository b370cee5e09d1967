/** Switches that this isolate knows of at once: the tests of switches say how long others take. */
import { env } from "cloudflare:workers"
import { forgetSwitches } from "../../src/switches/lease.ts"
import type { Stopped } from "../../src/switches/switch.ts"
import { switchboard } from "../../src/switches/switchboard.ts"

let stops = 0

/** @returns its id */
export async function stop(stopped: Stopped, before: number | null = null): Promise<string> {
  const id = `swi_${++stops}`
  await switchboard(env).set({ id, stopped, before })
  forgetSwitches()
  return id
}

export async function lift(id: string): Promise<void> {
  await switchboard(env).lift(id)
  forgetSwitches()
}
