/**
 * What a person sees of the task that they consent to, and which parts they may leave out. A page has room for some
 * hundred lines: with more tools it lists servers, and with more servers it only counts them. The counts are complete.
 * What cannot be listed one by one can only be allowed or denied as a whole.
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
  /** How its arguments are bound. Empty if they are not. */
  readonly bounds: string
}

export interface ServerView {
  readonly name: string
  readonly tools: readonly ToolView[]
}

export interface ConsentView {
  /** What has a checkbox: each tool, each server, or nothing. */
  readonly by: "tool" | "server" | "nothing"
  readonly servers: readonly ServerView[]
  readonly calls: number | null
  /** Milliseconds. */
  readonly life: number
  readonly plan: Plan | null
  readonly environments: readonly string[] | null
  /** Whether it goes on after the person's session. */
  readonly isOffline: boolean
  /** Of everything that the task may do, and everything that is shown of it. */
  readonly digest: string
}

const MAX_LINES = 200
/** Characters of names and bounds, together: with the markup around them a page stays under 100 KB. */
const MAX_CHARACTERS = 12_000
const MAX_BOUNDS = 240

export function viewOfConsent(task: Task, life: number, catalog: Lookup<Tool>): ConsentView {
  const { grant, purpose, plan, idle, isOffline = false } = task
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
    isOffline,
    digest: sha256Hex(JSON.stringify([purpose, grant, plan, idle, servers, isOffline])),
  }
}

function least(one: Sensitivity, other: Sensitivity): Sensitivity {
  return sensitivityRank(one) < sensitivityRank(other) ? one : other
}

/** The number of tools with each action, and the highest sensitivity among them. */
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

/** Seconds; the longest is what was requested. */
export function lives({ life }: ConsentView): readonly number[] {
  const longest = Math.max(1, Math.floor(life / 1_000))
  return [longest, ...SHORTER_LIVES_SECONDS.filter((short) => short < longest).toReversed()]
}
