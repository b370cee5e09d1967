/**
 * How many task trees an agent has open for one user, and how fast it opens them: one Durable Object for each agent and
 * user, asked only when a tree is opened. A place is taken before the tree is there and given back when it ends; one that
 * is never given back is free again when the tree would have expired. So the limit is never passed, and never stuck.
 */
import { DurableObject } from "cloudflare:workers"
import { sha256Hex } from "../hash.ts"
import { logEvent } from "../log.ts"
import type { UserFacts } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { OpeningLimits } from "../policy/bundle.ts"
import { userId } from "../policy/facts.ts"
import type { Surroundings } from "../surroundings.ts"
import { refuse, type Refused } from "./refusal.ts"

const MINUTE_MS = 60_000

/** Null: there is room, and the place is taken. */
export type NoRoom = { readonly what: "live" | "rate"; /** Seconds. */ readonly retry_after: number } | null

/** @param user issuer and subject, joined by `|`; null: the agent acts on its own behalf */
export function openingsOf(env: Env, agent: string, user: string | null): DurableObjectStub<Openings> {
  return env.OPENINGS.getByName(sha256Hex(JSON.stringify([agent, user])))
}

/** A tree that is to be opened, with its place among those of its agent and user. */
export interface Place {
  readonly root: string
  readonly undo: () => Promise<void>
}

/** @param until milliseconds; the tree does not live longer. One that has a place keeps it until then. */
export async function takePlace(
  root: string,
  agent: string,
  user: UserFacts | null,
  until: number,
  { agents }: Bundle,
  { env }: Pick<Surroundings, "env">,
): Promise<Place | Refused> {
  const definition = agents.get(agent)
  if (!definition) return refuse({ reason: "agent_unregistered", agent })
  const places = openingsOf(env, agent, user && userId(user))
  try {
    const full = await places.take(root, until, definition.trees)
    return full ? refuse({ reason: "too_many_tasks", ...full }) : { root, undo: async () => places.undo(root) }
  } catch (error) {
    logEvent("openings_failed", { error: String(error) })
    return refuse({ reason: "unavailable" })
  }
}

export class Openings extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS trees (root TEXT PRIMARY KEY, opened_at INTEGER NOT NULL, until INTEGER NOT NULL)
        WITHOUT ROWID`)
  }

  /**
   * @param until milliseconds; the tree does not live longer
   * @returns why there is no place for it
   */
  async take(root: string, until: number, { live, per_minute }: OpeningLimits): Promise<NoRoom> {
    const { sql } = this.ctx.storage
    const now = Date.now()
    sql.exec("DELETE FROM trees WHERE until <= ? AND opened_at <= ?", now, now - MINUTE_MS)
    const kept = sql.exec("UPDATE trees SET until = ? WHERE root = ? RETURNING root", until, root).toArray()
    if (kept.length > 0) return null
    const rows = sql.exec<{ opened_at: number; until: number }>("SELECT opened_at, until FROM trees").toArray()
    const lately = rows.map((row) => row.opened_at).filter((openedAt) => openedAt > now - MINUTE_MS)
    // The earliest of so many as are allowed has to be a minute ago.
    const [earliest] = lately.toSorted((a, b) => b - a).slice(per_minute - 1)
    if (earliest !== undefined) return { what: "rate", retry_after: seconds(earliest + MINUTE_MS - now) }
    const alive = rows.map((row) => row.until).filter((ends) => ends > now)
    if (alive.length >= live) return { what: "live", retry_after: seconds(Math.min(...alive) - now) }
    sql.exec("INSERT OR IGNORE INTO trees VALUES (?, ?, ?)", root, now, until)
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(until + MINUTE_MS)
    return null
  }

  /** Its tree has ended; that it was opened still counts for a minute. */
  giveBack(root: string): void {
    this.ctx.storage.sql.exec("UPDATE trees SET until = 0 WHERE root = ?", root)
  }

  /** There never was a tree. */
  undo(root: string): void {
    this.ctx.storage.sql.exec("DELETE FROM trees WHERE root = ?", root)
  }

  override async alarm(): Promise<void> {
    const { sql } = this.ctx.storage
    const now = Date.now()
    sql.exec("DELETE FROM trees WHERE until <= ? AND opened_at <= ?", now, now - MINUTE_MS)
    const { last } = sql.exec<{ last: number | null }>("SELECT MAX(until) AS last FROM trees").one()
    if (last === null) await this.ctx.storage.deleteAll()
    else await this.ctx.storage.setAlarm(Math.max(last, now) + MINUTE_MS)
  }
}

const seconds = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / 1000))
