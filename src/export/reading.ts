/** Everything that metrics are made of, read at one moment: for `/metrics`, and for the sinks that take metrics. */
import { logReadings } from "../audit/record-logs.ts"
import { publications } from "../bundles/publications.ts"
import { bundleCheckedAt } from "../bundles/store.ts"
import type { Reading } from "../core/metrics/samples.ts"
import { logEvent } from "../platform/log.ts"
import { bundleFor, type RequestContext } from "../request-context.ts"
import { currentLease, leasedAt } from "../revocation/lease.ts"
import { keyRing } from "../signing/key-ring.ts"
import { sinkReadings } from "./sink-states.ts"

/**
 * A log that is unavailable fails the whole reading: without its part every counter would fall, and rise again, as if all
 * had happened anew. Of anything else a series is missing then, or says so.
 */
export async function readingOf(context: RequestContext): Promise<Reading> {
  const { env } = context
  const bundle = await bundleFor(context)
  const [logs, sinks, head, keys] = await Promise.all([
    logReadings(env),
    sinkReadings(env, bundle?.sinks ?? []),
    orNull(publications(env).head()),
    orNull(keyRing(env).keyAges()),
    currentLease(context),
  ])
  const checkedAt = bundleCheckedAt()
  return {
    now: Date.now(),
    logs,
    sinks,
    leasedAt: leasedAt(),
    bundle: bundle && checkedAt !== null ? { seq: bundle.pointer.seq, checkedAt } : null,
    publishedAt: head?.live?.at ?? null,
    keys: keys ?? [],
  }
}

async function orNull<Value>(value: Promise<Value>): Promise<Value | null> {
  try {
    return await value
  } catch (error) {
    logEvent("metrics_incomplete", { error: String(error) })
    return null
  }
}
