/** Brings the exporters to what a bundle says: those of new sinks begin, those of sinks that are gone learn it. */
import type { Bundle } from "../core/policy/assemble.ts"
import { logEvent } from "../platform/log.ts"
import { exporterName, exporterOf } from "./exporter-stub.ts"
import { metricsExporterOf } from "./metrics-exporter-stub.ts"
import { ALL_LOGS, readersOf, signalsOf } from "./streams.ts"

/** May be repeated. What fails is tried again by the next Cron Trigger. */
export async function applySinks(env: Env, { sinks, pointer }: Pick<Bundle, "sinks" | "pointer">): Promise<void> {
  const named = sinks.flatMap(readersOf)
  const names = new Set(named.map(({ name, log }) => exporterName(name, log)))
  const begun = named.map(async ({ name, log }) => exporterOf(env, name, log).follow(pointer))
  const measured = sinks.filter((sink) => signalsOf(sink).includes("metrics"))
  const scheduled = measured.map(async ({ id }) => metricsExporterOf(env, id).follow(pointer))
  const ended = ALL_LOGS.map(async (log) => {
    const { sinks: subscribed } = await env.RECORD_LOG.getByName(log).state()
    const gone = subscribed.filter(({ name }) => !names.has(exporterName(name, log)))
    await Promise.all(gone.map(async ({ name }) => exporterOf(env, name, log).heed(pointer)))
  })
  for (const outcome of await Promise.allSettled([...begun, ...scheduled, ...ended]))
    if (outcome.status === "rejected") logEvent("sinks_not_applied", { error: String(outcome.reason) })
}
