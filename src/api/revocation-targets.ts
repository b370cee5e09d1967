/**
 * Whether what an operator wants to stop is known here, and what a stop of it hits. A stop of a misspelt name would be
 * acknowledged and stop nothing. What is counted comes of the bundle and of recent records; it is a lower bound.
 */
import { TimedOut, within } from "../platform/timeout.ts"
import { findRecords } from "../audit/record-logs.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { patternCovers } from "../core/catalog/pattern.ts"
import { keyRing } from "../signing/key-ring.ts"
import { firstIdAt } from "../core/encoding/ids.ts"
import { logEvent } from "../platform/log.ts"
import { nearest } from "../core/encoding/nearest.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { userId } from "../core/policy/principals.ts"
import { hasIssuer } from "./contract/names.ts"
import type { Stopped } from "../core/signals/switch.ts"

export interface Target {
  /** Null: it could not be looked up, and the stop is not held up by that. */
  readonly known: boolean | null
  /** Names that are known and near, if this one is not. */
  readonly nearest: readonly string[]
  readonly hits: Hits
}

/** What a stop hits. */
export interface Hits {
  /** Tools of the catalog; null: it does not stop by tools. */
  readonly tools: number | null
  /**
   * Tasks that were issued a token, or that called one of the tools, within the last hour, with their agents and users.
   * At least so many: what has ended since is among them, what records do not show is not. Null: unknown.
   */
  readonly recent: { readonly tasks: number; readonly agents: number; readonly users: number } | null
}

const LATELY_MS = 3_600_000
/** Records that are looked through. */
const MAX_RECORDS = 1_000
/** Stopping is urgent: what takes longer stays unknown. */
const WITHIN_MS = 1_500
/** A name of this length is near to none. */
const MAX_NEAR = 256

export async function targetOf(stopped: Stopped, bundle: Bundle, env: Env, now: number): Promise<Target> {
  const records = await inTime(recentOf(stopped, env, now))
  const tools = [...bundle.catalog.tools.values()].map(({ name }) => name)
  const hit = stopped.kind === "tool" ? tools.filter((name) => patternCovers(stopped.tool, name)) : null
  const recent = records && countOf(hit ? records.filter(({ tool }) => hit.includes(tool ?? "")) : records)
  const hits = { tools: hit && hit.length, recent: stopped.kind === "key" ? null : recent }
  switch (stopped.kind) {
    case "everything":
      return { known: true, nearest: [], hits }
    case "tool":
      return found(hit !== null && hit.length > 0, stopped.tool, patternsOf(tools), hits)
    case "agent":
      return found(
        bundle.agents.has(stopped.agent),
        stopped.agent,
        [...bundle.agents.values()].map(({ id }) => id),
        hits,
      )
    case "user":
      return userTarget(stopped.user, records, bundle, env, hits)
    case "key": {
      const keys = await inTime(keyRing(env).publicKeys())
      if (!keys) return { known: null, nearest: [], hits }
      const kids = keys.flatMap(({ kid }) => (typeof kid === "string" ? [kid] : []))
      return found(kids.includes(stopped.kid), stopped.kid, kids, hits)
    }
    default:
      return stopped satisfies never
  }
}

function found(known: boolean, name: string, names: readonly string[], hits: Hits): Target {
  return { known, nearest: known ? [] : near(name, names), hits }
}

/** The nearest, and those of which only the end was given: `support` for `spiffe://example.org/agent/support`. */
export function near(name: string, names: readonly string[]): readonly string[] {
  if (name.length > MAX_NEAR) return []
  const one = nearest(name, names)
  const ending = names.filter((each) => /[/|.]/.test(each.at(-name.length - 1) ?? "") && each.endsWith(name))
  return [...new Set([...(one === undefined ? [] : [one]), ...ending])].slice(0, 3)
}

/** Tools, and those of a server. */
function patternsOf(tools: readonly string[]): readonly string[] {
  return [...tools, ...new Set(tools.map((name) => `${name.split(".", 1)[0] ?? ""}.*`))]
}

/** People are known by their records alone; so one of whom there is none yet may be meant all the same. */
async function userTarget(
  user: string,
  records: readonly DecisionRecord[] | null,
  { operators, issuers }: Bundle,
  env: Env,
  hits: Hits,
): Promise<Target> {
  const managing = operators.flatMap(({ issuer: id, subject }) => {
    const issuer = [...issuers.values()].find((each) => each.id === id)?.issuer
    return issuer === undefined ? [] : userId({ issuer, subject })
  })
  if (managing.includes(user) || records?.some((record) => record.user === user))
    return { known: true, nearest: [], hits }
  const ever = await inTime(provenRecords(user, env))
  // A name without an issuer is nobody's: that is certain whatever the records say.
  if (!ever && hasIssuer(user)) return { known: null, nearest: [], hits }
  const others = await inTime(findRecords(env, { kind: "exchange", decision: "allow", limit: MAX_RECORDS }))
  const users = (others ?? []).flatMap((record) => record.user ?? [])
  return found(ever !== null && ever.length > 0, user, [...new Set([...users, ...managing])], hits)
}

/**
 * Records of a user who has proven to be there. An agent can name whom it likes in a CIBA request: a record of that must
 * not make a misspelt name a known one.
 */
async function provenRecords(user: string, env: Env): Promise<readonly DecisionRecord[]> {
  const kinds = ["exchange", "call"] as const
  const found = kinds.map(async (kind) => findRecords(env, { kind, user, decision: "allow", limit: 1 }))
  return (await Promise.all(found)).flat()
}

async function recentOf(stopped: Stopped, env: Env, now: number): Promise<readonly DecisionRecord[]> {
  const after = firstIdAt("dec", now - LATELY_MS)
  const query = { after, decision: "allow", limit: MAX_RECORDS } as const
  switch (stopped.kind) {
    case "agent":
      return findRecords(env, { ...query, kind: "exchange", agent: stopped.agent })
    case "user":
      return findRecords(env, { ...query, kind: "exchange", user: stopped.user })
    case "everything":
      return findRecords(env, { ...query, kind: "exchange" })
    case "tool":
      return findRecords(env, { ...query, kind: "call" })
    case "key":
      return []
    default:
      return stopped satisfies never
  }
}

function countOf(records: readonly DecisionRecord[]): Hits["recent"] {
  const tasks = new Set(records.flatMap(({ task }) => task ?? []))
  const agents = new Set(records.flatMap(({ chain }) => chain.at(-1) ?? []))
  const users = new Set(records.flatMap(({ user }) => user ?? []))
  return { tasks: tasks.size, agents: agents.size, users: users.size }
}

/** Whether an agent or a person of this name is known, whatever is hit. */
export async function namedTarget(
  kind: "agent" | "user",
  name: string,
  bundle: Bundle,
  env: Env,
): Promise<Pick<Target, "known" | "nearest">> {
  const agents = [...bundle.agents.values()].map(({ id }) => id)
  if (kind === "agent") return found(bundle.agents.has(name), name, agents, NO_HITS)
  return userTarget(name, null, bundle, env, NO_HITS)
}

const NO_HITS: Hits = { tools: null, recent: null }

/** Null: it failed or took too long. */
async function inTime<Value>(work: Promise<Value>): Promise<Value | null> {
  try {
    return await within(work, WITHIN_MS, "a lookup of what a revocation hits")
  } catch (error) {
    if (!(error instanceof TimedOut)) logEvent("target_not_looked_up", { error: String(error) })
    return null
  }
}
