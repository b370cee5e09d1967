/** What decision records show of which agent used which tool. */
import { hasHappened } from "../../records/happened.ts"
import type { DecisionRecord } from "../../../src/core/record/record.ts"

type UsedRecord = Pick<DecisionRecord, "at" | "decision" | "tool" | "chain"> & { readonly mode: string }

export interface Use {
  readonly records: number
  /** Milliseconds since the epoch: of the oldest and of the newest. */
  readonly from: number
  readonly to: number
  /** Names of tools by the id of each agent that took part in a call of them: the calling agent and its ancestors. */
  readonly tools: ReadonlyMap<string, ReadonlySet<string>>
}

export async function useOf(records: AsyncIterable<UsedRecord> | Iterable<UsedRecord>): Promise<Use> {
  const tools = new Map<string, Set<string>>()
  let [count, from, to] = [0, Number.POSITIVE_INFINITY, 0]
  for await (const record of records) {
    count += 1
    from = Math.min(from, record.at)
    to = Math.max(to, record.at)
    if (record.tool === null || !hasHappened(record)) continue
    for (const agent of record.chain) {
      const used = tools.get(agent)
      if (used) used.add(record.tool)
      else tools.set(agent, new Set([record.tool]))
    }
  }
  return { records: count, from: count === 0 ? 0 : from, to, tools }
}
