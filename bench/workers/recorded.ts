/**
 * The Worker as it is, but that a request sets what becomes of the records of reads: at a path of its own they are chained
 * as always, only kept as they come, or not even made. All objects are in one isolate here, so that one switch is enough.
 */
import { Segments } from "../../src/audit/log-segments.ts"
import { allLogs } from "../../src/audit/record-logs.ts"
import worker from "../../src/index.ts"
import { Outbox } from "../../src/ledger/record-outbox.ts"

export * from "../../src/index.ts"

const SWITCHED_AT = "/bench/records/"
let mode = "chained"

// oxlint-disable-next-line typescript/unbound-method -- it is called on what it was called on
const { keepRead } = Outbox.prototype
Outbox.prototype.keepRead = function (...read) {
  if (mode !== "none") keepRead.apply(this, read)
}

// oxlint-disable-next-line typescript/unbound-method -- the same
const { seal } = Segments.prototype
Segments.prototype.seal = function (...waiting) {
  return mode === "chained" && seal.apply(this, waiting)
}

export default {
  async fetch(request, env, ctx) {
    const [, next] = request.url.split(SWITCHED_AT)
    if (next === undefined) return worker.fetch(request, env, ctx)
    mode = next
    // Whatever waits gets its position now, where that is what becomes of records.
    const logs = await Promise.all(allLogs(env).map(async (log) => log.counts()))
    return Response.json(logs.reduce((sum, { counts }) => sum + counts.records, 0))
  },
} satisfies ExportedHandler<Env>
