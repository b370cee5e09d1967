/** What decision records show of which agent used which tool. */
import { z } from "zod"

/** The members of a record that are needed (src/core/record/record.ts). */
export const usedRecord = z.looseObject({
  at: z.number(),
  decision: z.enum(["allow", "deny"]),
  mode: z.string(),
  tool: z.string().nullable(),
  chain: z.array(z.string()),
})
type UsedRecord = z.infer<typeof usedRecord>

export interface Use {
  readonly records: number
  /** Milliseconds since the epoch: of the oldest and of the newest. */
  readonly from: number
  readonly to: number
  /** Names of tools by the id of each agent that took part in a call of them: the calling agent and its ancestors. */
  readonly tools: ReadonlyMap<string, ReadonlySet<string>>
}

/**
 * One record a line, as `narrowgate decisions tail --json` prints them.
 * @returns the number of the line that is no record, counted from 1
 */
export function readRecords(text: string): readonly UsedRecord[] | number {
  const records: UsedRecord[] = []
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue
    const parsed = usedRecord.safeParse(parsedOf(line))
    if (!parsed.success) return index + 1
    records.push(parsed.data)
  }
  return records
}

function parsedOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Counts a call that happened: one that was allowed, or that an observing gateway forwarded. */
export function useOf(records: readonly UsedRecord[]): Use {
  const tools = new Map<string, Set<string>>()
  for (const { decision, mode, tool, chain } of records) {
    if (tool === null || (decision === "deny" && mode !== "observe")) continue
    for (const agent of chain) {
      const used = tools.get(agent)
      if (used) used.add(tool)
      else tools.set(agent, new Set([tool]))
    }
  }
  const times = records.map(({ at }) => at).toSorted((a, b) => a - b)
  return { records: records.length, from: times[0] ?? 0, to: times.at(-1) ?? 0, tools }
}
