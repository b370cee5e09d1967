/** Brings the exporters to what a bundle says: those of new sinks begin, those of sinks that are gone learn it. */
import type { Bundle } from "../core/policy/assemble.ts"
import { logEvent } from "../platform/log.ts"
import { ALL_LOGS, exporterName, exporterOf, logsOf } from "./exporter-stub.ts"

/** May be repeated. What fails is tried again by the next Cron Trigger. */
export async function applySinks(env: Env, { sinks, pointer }: Pick<Bundle, "sinks" | "pointer">): Promise<void> {
  const named = sinks.flatMap((sink) => logsOf(sink).map((log) => ({ sink: sink.id, log })))
  const names = new Set(named.map(({ sink, log }) => exporterName(sink, log)))
  const begun = named.map(async ({ sink, log }) => exporterOf(env, sink, log).follow(pointer))
  const ended = ALL_LOGS.map(async (log) => {
    const { sinks: subscribed } = await env.RECORD_LOG.getByName(log).state()
    const gone = subscribed.filter(({ name }) => !names.has(exporterName(name, log)))
    await Promise.all(gone.map(async ({ name }) => exporterOf(env, name, log).heed(pointer)))
  })
  for (const outcome of await Promise.allSettled([...begun, ...ended]))
    if (outcome.status === "rejected") logEvent("sinks_not_applied", { error: String(outcome.reason) })
}
