/**
 * Whether the target of a revocation exists, and what it affects. The revocation of a misspelt name would be
 * acknowledged and stop nothing. The counts come from the bundle and recent records, and are lower bounds.
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
import { isKeyOfClass } from "../core/policy/registered-clients.ts"
import { userId } from "../core/policy/principals.ts"
import { hasIssuer } from "./contract/names.ts"
import { switchboard } from "../revocation/switchboard.ts"
import { isUserOf, type Stopped, type Switch } from "../core/signals/switch.ts"

export interface Target {
  /** Null if the lookup failed, which does not delay the revocation. */
  readonly known: boolean | null
  /** Similar names that exist, if this one does not. */
  readonly nearest: readonly string[]
  readonly hits: Hits
}

/** What a revocation affects. */
export interface Hits {
  /** Number of tools of the catalog; null if the revocation does not name tools. */
  readonly tools: number | null
  /**
   * The tasks that were issued a token, or that called one of the tools, within the last hour, with their agents and
   * users. The number is a lower bound that includes tasks that have ended since. Null if unknown.
   */
  readonly recent: { readonly tasks: number; readonly agents: number; readonly users: number } | null
}

const LATELY_MS = 3_600_000
/** How many records are searched. */
const MAX_RECORDS = 1_000
/** A revocation is urgent, so a slower lookup is abandoned and its result is unknown. */
const WITHIN_MS = 1_500
/** A longer name is similar to none. */
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
      return targetAmong(hit !== null && hit.length > 0, stopped.tool, patternsOf(tools), hits)
    case "agent":
      return targetAmong(
        isKnownAgent(stopped.agent, bundle),
        stopped.agent,
        [...bundle.agents.values()].map(({ id }) => id),
        hits,
      )
    case "user":
      return userTarget(stopped.user, records, bundle, env, hits)
    case "issuer":
      return issuerTarget(stopped.issuer, records, bundle, env, hits)
    case "key": {
      const keys = await inTime(keyRing(env).publicKeys())
      if (!keys) return { known: null, nearest: [], hits }
      const kids = keys.flatMap(({ kid }) => (typeof kid === "string" ? [kid] : []))
      return targetAmong(kids.includes(stopped.kid), stopped.kid, kids, hits)
    }
    default:
      return stopped satisfies never
  }
}

/** Also the class of clients that registered themselves, by its history key. */
function isKnownAgent(name: string, { agents, registration }: Bundle): boolean {
  return agents.has(name) || (registration !== null && isKeyOfClass(registration, name))
}

function targetAmong(isKnown: boolean, name: string, names: readonly string[], hits: Hits): Target {
  return { known: isKnown, nearest: isKnown ? [] : similarNames(name, names), hits }
}

/**
 * Finds the nearest name, and those that end with the given one: `support` for `spiffe://example.org/agent/support`.
 */
export function similarNames(name: string, names: readonly string[]): readonly string[] {
  if (name.length > MAX_NEAR) return []
  const one = nearest(name, names)
  const ending = names.filter((each) => /[/|.]/.test(each.at(-name.length - 1) ?? "") && each.endsWith(name))
  return [...new Set([...(one === undefined ? [] : [one]), ...ending])].slice(0, 3)
}

/** Returns the tools, and for each server the pattern that covers its tools. */
function patternsOf(tools: readonly string[]): readonly string[] {
  return [...tools, ...new Set(tools.map((name) => `${name.split(".", 1)[0] ?? ""}.*`))]
}

/** Users are known only from records, so a user without any may still be the one who is meant. */
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
  // A name without an issuer identifies no user, whatever the records contain.
  if (!ever && hasIssuer(user)) return { known: null, nearest: [], hits }
  const others = await inTime(findRecords(env, { kind: "exchange", decision: "allow", limit: MAX_RECORDS }))
  const users = (others ?? []).flatMap((record) => record.user ?? [])
  return targetAmong(ever !== null && ever.length > 0, user, [...new Set([...users, ...managing])], hits)
}

/**
 * Also one that is not trusted any more, if its people were seen lately, or if it is suspended. Policy files name it by
 * its id.
 */
async function issuerTarget(
  name: string,
  records: readonly DecisionRecord[] | null,
  { issuers }: Bundle,
  env: Env,
  hits: Hits,
): Promise<Target> {
  const all = [...issuers.values()].flatMap(({ id, issuer }) => (issuer === undefined ? [] : [{ id, issuer }]))
  const isTrusted = all.some(({ issuer }) => issuer === name) || (records ?? []).length > 0
  const isKnown = isTrusted || (await isSuspended(name, env))
  const ofId = all.find(({ id }) => id === name)
  const names = all.map(({ issuer }) => issuer)
  if (!ofId && (isKnown === null || (!isKnown && records === null))) return { known: null, nearest: [], hits }
  return ofId ? { known: false, nearest: [ofId.issuer], hits } : targetAmong(isKnown === true, name, names, hits)
}

/** Null if the look-up failed. */
async function isSuspended(issuer: string, env: Env): Promise<boolean | null> {
  const text = await inTime(switchboard(env).listed())
  if (text === null) return null
  const switches: readonly Switch[] = JSON.parse(text)
  return switches.some(({ stopped }) => stopped.kind === "issuer" && stopped.issuer === issuer)
}

/**
 * Finds the records of a user who has logged in. An agent can name any user in a CIBA request, and its record must not
 * make a misspelt name a known one.
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
    case "issuer": {
      const found = await findRecords(env, { ...query, kind: "exchange" })
      return found.filter(({ user }) => user !== null && isUserOf(stopped.issuer, user))
    }
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

/** Tells whether an agent or a user of this name is known, without counting what a revocation affects. */
export async function namedTarget(
  kind: "agent" | "user",
  name: string,
  bundle: Bundle,
  env: Env,
): Promise<Pick<Target, "known" | "nearest">> {
  const agents = [...bundle.agents.values()].map(({ id }) => id)
  if (kind === "agent") return targetAmong(isKnownAgent(name, bundle), name, agents, NO_HITS)
  return userTarget(name, null, bundle, env, NO_HITS)
}

const NO_HITS: Hits = { tools: null, recent: null }

/** Returns null if the lookup fails or takes too long. */
async function inTime<Value>(work: Promise<Value>): Promise<Value | null> {
  try {
    return await within(work, WITHIN_MS, "a lookup of what a revocation hits")
  } catch (error) {
    if (!(error instanceof TimedOut)) logEvent("target_not_looked_up", { error: String(error) })
    return null
  }
}
