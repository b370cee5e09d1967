/**
 * What records tell of agents: when each was last seen, which tools it has called, how often it was refused. Records have
 * no index of their agents, which each of them would have to pay for; so the newest of each log are looked at, and the
 * answer says how far back that reaches.
 */
import { timeOf } from "../core/encoding/ids.ts"
import { logsOfCalls } from "./record-logs.ts"
import type { AgentRow, Looked, ToolRow } from "./record-log.ts"

export interface LookedAt {
  readonly records: number
  /** Milliseconds: what happened since then was looked at; null where there is nothing. */
  readonly since: number | null
}

export interface AgentSeen {
  readonly calls: number
  readonly denied: number
  /** Milliseconds. */
  readonly last: number
}

export interface ToolUsed extends AgentSeen {
  readonly tool: string
}

export async function agentsSeen(
  env: Env,
): Promise<{ readonly looked_at: LookedAt; readonly agents: ReadonlyMap<string, AgentSeen> }> {
  const found = await Promise.all(logsOfCalls(env).map((log) => log.agentsSeen()))
  const agents = new Map<string, AgentSeen>()
  for (const row of found.flatMap(({ rows }) => rows)) agents.set(row.agent, added(row, agents.get(row.agent)))
  return { looked_at: lookedAt(found), agents }
}

export async function toolsUsed(
  env: Env,
  agent: string,
): Promise<{ readonly looked_at: LookedAt; readonly tools: readonly ToolUsed[] }> {
  const found = await Promise.all(logsOfCalls(env).map((log) => log.toolsUsed(agent)))
  const tools = new Map<string, ToolUsed>()
  for (const row of found.flatMap(({ rows }) => rows)) {
    tools.set(row.tool, { tool: row.tool, ...added(row, tools.get(row.tool)) })
  }
  return { looked_at: lookedAt(found), tools: [...tools.values()].toSorted((a, b) => b.last - a.last) }
}

function added({ calls, denied, last }: AgentRow | ToolRow, before: AgentSeen | undefined): AgentSeen {
  return {
    calls: calls + (before?.calls ?? 0),
    denied: denied + (before?.denied ?? 0),
    last: Math.max(timeOf(last) ?? 0, before?.last ?? 0),
  }
}

/** A log that has more than was looked at is known from its oldest record on; the others are known whole. */
function lookedAt(found: readonly Looked<unknown>[]): LookedAt {
  const times = (logs: readonly Looked<unknown>[]): readonly number[] =>
    logs.flatMap(({ oldest }) => (oldest === null ? [] : (timeOf(oldest) ?? 0)))
  const records = found.reduce((sum, { looked }) => sum + looked, 0)
  const cut = times(found.filter(({ isAll }) => !isAll))
  const all = times(found)
  return { records, since: cut.length > 0 ? Math.max(...cut) : all.length > 0 ? Math.min(...all) : null }
}
