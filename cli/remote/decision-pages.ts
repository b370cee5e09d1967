/** Decision records of a Worker, page by page. */
import { z } from "zod"
import { decisionRecord, type ShownRecord } from "./decision-record.ts"
import { MOST_DECISIONS } from "../../src/api/contract/decisions.ts"
import { requestApi, type WorkerOptions } from "./worker.ts"

const page = z.object({ decisions: z.array(decisionRecord) })

/**
 * @param query the filter; with `after` the oldest come first, otherwise the newest
 * @param limit records in all
 */
export async function* decisionPages(
  worker: WorkerOptions,
  bearer: string,
  query: Readonly<{ [name: string]: string }>,
  limit: number,
): AsyncGenerator<readonly ShownRecord[]> {
  const cursor = "after" in query ? "after" : "before"
  let from: Readonly<Record<string, string>> = {}
  for (let left = limit; left > 0;) {
    const most = Math.min(left, MOST_DECISIONS)
    const input = { parameters: {}, query: { ...query, ...from, limit: String(most) }, schema: page }
    const { decisions } = await requestApi(worker, bearer, "listDecisions", input)
    yield decisions
    left -= decisions.length
    const last = decisions.at(-1)
    if (!last || decisions.length < most) return
    from = { [cursor]: last.id }
  }
}
