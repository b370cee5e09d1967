/** What agents did according to decision records, summed up: which tools for which purpose, with which arguments. */
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { ShownRecord } from "../remote/decision-record.ts"
import { hasHappened } from "../records/happened.ts"
import { hasGroups } from "../records/has-groups.ts"
import { ArgumentValues } from "./argument-values.ts"

/** Of calls, for the comment beside what they suggest. */
export interface Evidence {
  readonly calls: number
  /** Milliseconds since the epoch. */
  readonly from: number
  readonly to: number
  /** The ids of the first and of the last. */
  readonly first: string
  readonly last: string
}

export class ToolUse {
  calls = 0
  from = Number.POSITIVE_INFINITY
  to = 0
  first = ""
  last = ""
  /** Of these, the ones that were denied and happened because the gateway only observes. */
  observedDenials = 0
  readonly environments = new Set<string>()
  readonly gateways = new Map<string, number>()
  readonly arguments = new Map<string, ArgumentValues>()
  /** Names of the approvals that calls used. */
  readonly approvals = new Set<string>()
  /** Calls of which the record does not have all arguments: they were not seen, or no policy reads them. */
  incomplete = 0
  #groups: Set<string> | null = null
  /** Calls for a user whose groups the record has. */
  withUser = 0

  add(record: ShownRecord): void {
    const { id, at, arguments: args, environment, gateway, decision, user, groups, arguments_omitted: omitted } = record
    this.calls += 1
    if (at < this.from) [this.from, this.first] = [at, id]
    if (at >= this.to) [this.to, this.last] = [at, id]
    if (decision === "deny") this.observedDenials += 1
    if (environment !== null) this.environments.add(environment)
    if (gateway !== null) this.gateways.set(gateway, (this.gateways.get(gateway) ?? 0) + 1)
    if (omitted !== 0) this.incomplete += 1
    for (const { name } of record.approvals) if (name !== null) this.approvals.add(name)
    if (user !== null && hasGroups(record)) {
      this.withUser += 1
      this.#groups = new Set(groups.filter((group) => this.#groups?.has(group) ?? true))
    }
    for (const [name, value] of Object.entries(args)) {
      let values = this.arguments.get(name)
      if (!values) this.arguments.set(name, (values = new ArgumentValues()))
      values.add(value, at)
    }
  }

  /** Groups that every user had. */
  get groups(): readonly string[] {
    return [...(this.#groups ?? [])].toSorted()
  }

  get evidence(): Evidence {
    const { calls, from, to, first, last } = this
    return { calls, from, to, first, last }
  }
}

/** By tool. */
export type ToolUses = ReadonlyMap<string, ToolUse>

const MINUTE = 60_000

/** Reads records one after the other, in the order in which they were made. */
export class ObservedUse {
  records = 0
  calls = 0
  from = Number.POSITIVE_INFINITY
  to = 0
  /** By agent: of each that took part in a call, as its caller or above it. */
  readonly byAgent = new Map<string, Map<string, ToolUse>>()
  /** By purpose: of the calling task, and of those above it. */
  readonly byPurpose = new Map<string, Map<string, ToolUse>>()
  /** By agent and purpose, of calls that it made itself; as a JSON list of both. */
  readonly own = new Map<string, Map<string, ToolUse>>()
  /** Purposes of the tasks that each agent had. */
  readonly purposesOf = new Map<string, Set<string>>()
  /** The agents that each agent handed work to. */
  readonly delegations = new Map<string, Set<string>>()
  /** The most levels of tasks below one of each agent. */
  readonly depth = new Map<string, number>()
  /** By purpose: the most calls that happened in one task and those below it, and the tasks. */
  readonly counted = new Map<string, { most: number; tasks: Set<string> }>()
  /** By agent: of the calls that it made itself. */
  readonly made = new Map<string, Evidence>()
  /** By agent: the most calls in any minute on behalf of one user. */
  readonly busiest = new Map<string, number>()
  readonly rules = new Map<string, Evidence>()
  /** Of the users. */
  readonly issuers = new Set<string>()
  readonly #purposeOfTask = new Map<string, string>()
  /** By task: how many calls have happened in it and in those below it. */
  readonly #happened = new Map<string, number>()
  readonly #minutes = new Map<string, number[]>()
  readonly #free: ReadonlySet<string>

  /** @param tools of the catalog: calls that cost nothing count against no grant */
  constructor(tools: readonly Tool[]) {
    this.#free = new Set(tools.filter(({ cost }) => cost === 0).map(({ name }) => name))
  }

  add(record: ShownRecord): void {
    const { at, kind, task, purpose, chain, tool, calls } = record
    if (kind === "management") return
    this.records += 1
    this.from = Math.min(this.from, at)
    this.to = Math.max(this.to, at)
    const agent = chain.at(-1)
    if (task !== null && purpose !== null && agent !== undefined && record.decision === "allow") {
      this.#purposeOfTask.set(task, purpose)
      setOf(this.purposesOf, agent).add(purpose)
    }
    if (kind !== "call" || tool === null || agent === undefined || task === null || !hasHappened(record)) return
    this.calls += 1
    if (record.user !== null) this.issuers.add(record.user.slice(0, record.user.indexOf("|")))
    for (const rule of record.rules) this.rules.set(rule, later(this.rules.get(rule), record))
    for (const [index, each] of [...new Set(chain)].entries()) {
      useOf(this.byAgent, each, tool).add(record)
      const below = chain[index + 1]
      if (below !== undefined && below !== each) setOf(this.delegations, each).add(below)
      this.depth.set(each, Math.max(this.depth.get(each) ?? 0, chain.length - 1 - chain.indexOf(each)))
    }
    if (purpose !== null) this.#purposeOfTask.set(task, purpose)
    const above = ancestryOf(task)
    const purposes = new Set(above.flatMap((each) => this.#purposeOfTask.get(each) ?? []))
    for (const each of purposes) useOf(this.byPurpose, each, tool).add(record)
    this.made.set(agent, later(this.made.get(agent), record))
    useOf(this.own, JSON.stringify([agent, purpose]), tool).add(record)
    const counting = this.#free.has(tool) ? [] : above
    for (const each of counting) this.#countCall(each, each === task ? (calls?.used ?? 0) : 0)
    this.#countMinute(agent, JSON.stringify([agent, record.user ?? chain[0]]), at)
  }

  /** @param used that the task had counted before, also of calls older than the records */
  #countCall(task: string, used: number): void {
    const happened = Math.max(this.#happened.get(task) ?? 0, used) + 1
    this.#happened.set(task, happened)
    const purpose = this.#purposeOfTask.get(task)
    if (purpose === undefined) return
    const counted = this.counted.get(purpose) ?? { most: 0, tasks: new Set() }
    counted.most = Math.max(counted.most, happened)
    counted.tasks.add(task)
    this.counted.set(purpose, counted)
  }

  #countMinute(agent: string, key: string, at: number): void {
    const times = (this.#minutes.get(key) ?? []).filter((time) => time > at - MINUTE)
    times.push(at)
    this.#minutes.set(key, times)
    this.busiest.set(agent, Math.max(this.busiest.get(agent) ?? 0, times.length))
  }
}

/** The task and those above it. */
function ancestryOf(task: string): readonly string[] {
  const above = [task]
  for (let dot = task.lastIndexOf("."); dot > 0; dot = task.lastIndexOf(".", dot - 1)) above.push(task.slice(0, dot))
  return above
}

function later(before: Evidence | undefined, { id, at }: ShownRecord): Evidence {
  if (!before) return { calls: 1, from: at, to: at, first: id, last: id }
  return { ...before, calls: before.calls + 1, to: at, last: id }
}

function setOf(sets: Map<string, Set<string>>, key: string): Set<string> {
  let set = sets.get(key)
  if (!set) sets.set(key, (set = new Set()))
  return set
}

function useOf(uses: Map<string, Map<string, ToolUse>>, key: string, tool: string): ToolUse {
  let tools = uses.get(key)
  if (!tools) uses.set(key, (tools = new Map()))
  let use = tools.get(tool)
  if (!use) tools.set(tool, (use = new ToolUse()))
  return use
}
