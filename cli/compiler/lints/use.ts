/** What decision records tell of who used what. */
import { z } from "zod"

/** As much of a record as is needed (src/core/record/record.ts). */
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
  /** Milliseconds: of the oldest and of the newest. */
  readonly from: number
  readonly to: number
  /** Names of tools by the id of each agent that had a part in a call of them: the one that calls, and all above it. */
  readonly tools: ReadonlyMap<string, ReadonlySet<string>>
}

/**
 * One record a line, as `narrowgate decisions tail --json` prints them.
 * @returns the number of the line that is none, counted from 1
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

/** A call counts that went through: one that was allowed, or that a gateway let pass which only observes. */
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
