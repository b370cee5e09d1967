/** Decision records of a Worker, page by page. */
import { z } from "zod"
import { decisionRecord, type ShownRecord } from "./decision-record.ts"
import { askJson, type WorkerOptions } from "./worker.ts"

const page = z.object({ decisions: z.array(decisionRecord) })
/** As many as a Worker gives at once. */
const PAGE = 250

/**
 * @param query what is looked for; with `after` the oldest come first, else the newest
 * @param limit records in all
 */
export async function* decisionPages(
  worker: WorkerOptions,
  bearer: string,
  query: Readonly<{ [name: string]: string }>,
  limit: number,
): AsyncGenerator<readonly ShownRecord[]> {
  const asked = new URLSearchParams(query)
  const cursor = asked.has("after") ? "after" : "before"
  for (let left = limit; left > 0;) {
    const most = Math.min(left, PAGE)
    asked.set("limit", String(most))
    const { decisions } = await askJson(worker, bearer, `/v1/decisions?${asked}`, page)
    yield decisions
    left -= decisions.length
    const last = decisions.at(-1)
    if (!last || decisions.length < most) return
    asked.set(cursor, last.id)
  }
}
