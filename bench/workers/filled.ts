/**
 * The Worker as it is, with two more paths: one fills a log with records, as ledgers send them, and the other has the
 * exporters follow the bundle, as the Cron Trigger does.
 */
import worker from "../../src/index.ts"
import { batchOf, type StoredRecord } from "../../src/core/record/record.ts"
import { newId } from "../../src/platform/new-id.ts"

export * from "../../src/index.ts"

const FILL_AT = "/bench/records"
const FOLLOW_AT = "/bench/sinks"
/** Of one batch. */
const TOGETHER = 250

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams: query } = new URL(request.url)
    if (pathname === FOLLOW_AT) {
      await worker.scheduled(null, env, ctx)
      return new Response()
    }
    if (pathname !== FILL_AT) return worker.fetch(request, env, ctx)
    const log = env.RECORD_LOG.getByName(query.get("log") ?? "")
    const whole: object = await request.json()
    const [from, count] = [Number(query.get("from")), Number(query.get("count"))]
    for (let at = from; at < from + count; at += TOGETHER) await log.append(TOGETHER, batchOf(recordsFrom(whole, at)))
    await log.seal()
    return new Response()
  },
} satisfies ExportedHandler<Env>

function recordsFrom(whole: object, first: number): readonly StoredRecord[] {
  return Array.from({ length: TOGETHER }, (_, at) => {
    const number = first + at
    const time = Date.now()
    const id = newId("dec", time)
    return { id, body: JSON.stringify({ ...whole, id, at: time, number }) }
  })
}
