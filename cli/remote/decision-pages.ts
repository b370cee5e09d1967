/** Decision records of a Worker, page by page. */
import { z } from "zod"
import { decisionRecord } from "./decision-record.ts"
import { MOST_DECISIONS } from "../../src/api/contract/decisions.ts"
import { requestApi, type WorkerOptions } from "./worker.ts"

const page = z.object({ decisions: z.array(decisionRecord), arrived: z.string() })
export type DecisionPage = z.infer<typeof page>

/**
 * @param query the filter; the newest come first
 * @param limit records in all
 */
export async function* decisionPages(
  worker: WorkerOptions,
  bearer: string,
  query: Readonly<{ [name: string]: string }>,
  limit: number,
): AsyncGenerator<DecisionPage> {
  let before: Readonly<Record<string, string>> = {}
  for (let left = limit; left > 0;) {
    const most = Math.min(left, MOST_DECISIONS)
    const found = await listDecisions(worker, bearer, { ...query, ...before, limit: String(most) })
    yield found
    const { decisions } = found
    left -= decisions.length
    const last = decisions.at(-1)
    if (!last || decisions.length < most) return
    before = { before: last.id }
  }
}

/** @param arrived of an earlier page with the same filter */
export async function decisionsSince(
  worker: WorkerOptions,
  bearer: string,
  query: Readonly<{ [name: string]: string }>,
  arrived: string,
): Promise<DecisionPage> {
  return listDecisions(worker, bearer, { ...query, arrived_after: arrived, limit: String(MOST_DECISIONS) })
}

async function listDecisions(
  worker: WorkerOptions,
  bearer: string,
  query: Readonly<{ [name: string]: string }>,
): Promise<DecisionPage> {
  return requestApi(worker, bearer, "listDecisions", { parameters: {}, query, schema: page })
}
