/**
 * What records show of agents: when each was last seen, which tools it has called, and how often it was denied. Records
 * have no index of their agents, because each record would have to pay for it. So only the newest of each log are read,
 * and the response says how far back that reaches. Clients that registered themselves are shown as their class.
 */
import { historyKeyOf, type HistoryKey } from "../core/guardrails/history-key.ts"
import { timeOf } from "../core/encoding/ids.ts"
import { logsOfCalls } from "./record-logs.ts"
import type { AgentRow, SearchResult, ToolRow } from "./log-queries.ts"

export interface SearchedRange {
  readonly records: number
  /** Milliseconds since the epoch, from which on all records were read. Null if there are none. */
  readonly since: number | null
}

export interface AgentSeen {
  readonly calls: number
  readonly denied: number
  /** Milliseconds since the epoch. */
  readonly last: number
}

export interface ToolUsed extends AgentSeen {
  readonly tool: string
}

export async function agentsSeen(
  env: Env,
): Promise<{ readonly looked_at: SearchedRange; readonly agents: ReadonlyMap<HistoryKey, AgentSeen> }> {
  const found = await Promise.all(logsOfCalls(env).map((log) => log.agentsSeen()))
  const agents = new Map<HistoryKey, AgentSeen>()
  for (const row of found.flatMap(({ rows }) => rows)) {
    const key = historyKeyOf(row.agent)
    agents.set(key, added(row, agents.get(key)))
  }
  return { looked_at: searchedRange(found), agents }
}

export async function toolsUsed(
  env: Env,
  agent: HistoryKey,
): Promise<{ readonly looked_at: SearchedRange; readonly tools: readonly ToolUsed[] }> {
  const found = await Promise.all(logsOfCalls(env).map((log) => log.toolsUsed(agent)))
  const tools = new Map<string, ToolUsed>()
  for (const row of found.flatMap(({ rows }) => rows)) {
    tools.set(row.tool, { tool: row.tool, ...added(row, tools.get(row.tool)) })
  }
  return { looked_at: searchedRange(found), tools: [...tools.values()].toSorted((a, b) => b.last - a.last) }
}

function added({ calls, denied, last }: AgentRow | ToolRow, before: AgentSeen | undefined): AgentSeen {
  return {
    calls: calls + (before?.calls ?? 0),
    denied: denied + (before?.denied ?? 0),
    last: Math.max(timeOf(last) ?? 0, before?.last ?? 0),
  }
}

/** If a log has more records than were read, it counts from its oldest record read; the others were read whole. */
function searchedRange(found: readonly SearchResult<unknown>[]): SearchedRange {
  const times = (logs: readonly SearchResult<unknown>[]): readonly number[] =>
    logs.flatMap(({ oldest }) => (oldest === null ? [] : (timeOf(oldest) ?? 0)))
  const records = found.reduce((sum, { looked }) => sum + looked, 0)
  const cut = times(found.filter(({ isAll }) => !isAll))
  const all = times(found)
  return { records, since: cut.length > 0 ? Math.max(...cut) : all.length > 0 ? Math.min(...all) : null }
}
