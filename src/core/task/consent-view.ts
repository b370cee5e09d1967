/**
 * What a person is shown of the task that they are asked for, and what they may leave of it. A page has room for some
 * hundred lines: of more tools each server is one, of more servers they are counted. Nothing is left out of what is
 * counted, and what cannot be shown one by one can only be had or refused as a whole.
 */
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Lookup } from "../encoding/lookup.ts"
import { ACTIONS, SENSITIVITIES, sensitivityRank, type Action, type Sensitivity, type Tool } from "../catalog/tool.ts"
import type { Plan } from "../guardrails/plan.ts"
import { sha256Hex } from "../encoding/hash.ts"
import { displayText } from "../encoding/display-text.ts"
import { boundsInWords } from "./grant-words.ts"
import type { Task } from "./task.ts"

export interface ToolView {
  readonly name: string
  readonly action: Action
  readonly sensitivity: Sensitivity
  /** How its arguments are bound; empty: not at all. */
  readonly bounds: string
}

export interface ServerView {
  readonly name: string
  readonly tools: readonly ToolView[]
}

export interface ConsentView {
  /** What there is a box for: each tool, each server, or nothing. */
  readonly by: "tool" | "server" | "nothing"
  readonly servers: readonly ServerView[]
  readonly calls: number | null
  /** Milliseconds. */
  readonly life: number
  readonly plan: Plan | null
  readonly environments: readonly string[] | null
  /** Of all that the task may do, and all that is shown of it. */
  readonly digest: string
}

const MAX_LINES = 200
/** Characters of names and bounds, together: with what stands round them a page stays under 100 KB. */
const MAX_CHARACTERS = 12_000
const MAX_BOUNDS = 240

export function viewOfConsent({ grant, purpose, plan, idle }: Task, life: number, catalog: Lookup<Tool>): ConsentView {
  const tools = Object.entries(grant.tools).flatMap(([name, { action, maxSensitivity, bounds }]) => {
    const tool = catalog.get(name)
    if (!tool || isLifecycle(tool)) return []
    const inWords = displayText(boundsInWords(bounds), MAX_BOUNDS)
    return [
      {
        server: tool.server,
        tool: { name, action, sensitivity: least(tool.sensitivity, maxSensitivity), bounds: inWords },
      },
    ]
  })
  const servers = [...Map.groupBy(tools, ({ server }) => server)].map(([name, of]): ServerView => ({
    name,
    tools: of.map(({ tool }) => tool),
  }))
  const length = tools.reduce((sum, { tool }) => sum + 2 * tool.name.length + tool.bounds.length, 0)
  const isShort = tools.length <= MAX_LINES && length <= MAX_CHARACTERS
  const hasFewServers =
    servers.length <= MAX_LINES && servers.reduce((sum, { name }) => sum + name.length, 0) <= MAX_CHARACTERS
  return {
    by: isShort ? "tool" : hasFewServers ? "server" : "nothing",
    servers,
    calls: grant.calls,
    life,
    plan,
    environments: grant.environments,
    digest: sha256Hex(JSON.stringify([purpose, grant, plan, idle, servers])),
  }
}

function least(one: Sensitivity, other: Sensitivity): Sensitivity {
  return sensitivityRank(one) < sensitivityRank(other) ? one : other
}

/** How many tools of each action, and the most sensitive of them. */
export interface Count {
  readonly action: Action
  readonly tools: number
  readonly sensitivity: Sensitivity
}

export function countsOf(tools: readonly ToolView[]): readonly Count[] {
  return ACTIONS.flatMap((action) => {
    const ofIt = tools.filter((tool) => tool.action === action)
    const ranks = ofIt.map(({ sensitivity }) => sensitivityRank(sensitivity))
    const sensitivity = SENSITIVITIES[Math.max(...ranks)]
    return sensitivity === undefined ? [] : [{ action, tools: ofIt.length, sensitivity }]
  })
}

const FEWER_CALLS = [1, 5, 10, 25, 50, 100, 250, 1_000] as const
const SHORTER_LIVES_SECONDS = [300, 900, 3_600, 14_400] as const

export function fewerCalls({ calls }: ConsentView): readonly number[] {
  return FEWER_CALLS.filter((few) => calls === null || few < calls)
}

/** Seconds; the longest is what was asked for. */
export function lives({ life }: ConsentView): readonly number[] {
  const longest = Math.max(1, Math.floor(life / 1_000))
  return [longest, ...SHORTER_LIVES_SECONDS.filter((short) => short < longest).toReversed()]
}
