/** What workerd binds beside what wrangler.toml binds. */
import type { Entries } from "./entries.ts"
import type { Schedule } from "./schedule.ts"

export interface ServeEnv extends Env {
  readonly ENTRIES: DurableObjectNamespace<Entries>
  readonly SCHEDULE: DurableObjectNamespace<Schedule>
  /** JSON list of addresses: of the proxies whose `X-Forwarded-For` is believed. */
  readonly TRUSTED_PROXIES: string
}
