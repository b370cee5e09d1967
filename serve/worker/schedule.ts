/**
 * What a Cron Trigger does on Cloudflare, which workerd does not have: an object whose alarm calls the same function. Its
 * alarm is on disk, so it outlives the process; one that was due meanwhile comes as soon as there is a process again.
 */
import { DurableObject } from "cloudflare:workers"
import release from "../../src/index.ts"
import type { ServeEnv } from "./environment.ts"

/** As `crons` of wrangler.toml says. */
const EVERY_MS = 300_000
const FIRST_AFTER_MS = 10_000

export class Schedule extends DurableObject<ServeEnv> {
  /** Sets the first alarm; each alarm sets the next. */
  async begin(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + FIRST_AFTER_MS)
  }

  override async alarm(): Promise<void> {
    // First of all: whatever becomes of this run, there is a next one.
    await this.ctx.storage.setAlarm(Date.now() + EVERY_MS)
    try {
      await release.scheduled(null, this.env, { waitUntil: (work) => this.ctx.waitUntil(work) })
    } catch (error) {
      // oxlint-disable-next-line no-console -- the log of the Worker
      console.error(JSON.stringify({ event: "schedule_failed", error: String(error) }))
    }
  }
}

export function schedule(env: ServeEnv): DurableObjectStub<Schedule> {
  return env.SCHEDULE.getByName("schedule")
}
