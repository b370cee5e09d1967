/**
 * How many task trees an agent has open for one user, and how fast it opens them: one Durable Object for each agent and
 * user, asked only when a tree is opened. A place is taken before the tree is there and given back when it ends; one
 * that is never given back is free again when the tree would have expired. So the limit is never passed, and never
 * stuck.
 */
import { DurableObject } from "cloudflare:workers"
import { sha256Hex } from "../core/encoding/hash.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { OpeningLimits } from "../core/policy/definition/agents.ts"
import type { RequestContext } from "../request-context.ts"
import { oauthError, type OAuthFailure } from "../core/denials/oauth-error.ts"

const MINUTE_MS = 60_000

/** Null: there is room, and the place is taken. */
export type NoRoom = { readonly what: "live" | "rate"; /** Seconds. */ readonly retry_after: number } | null

/** @param user issuer and subject, joined by `|`; null: the agent acts on its own behalf */
export function taskQuotaOf(env: Env, agent: string, user: string | null): DurableObjectStub<Openings> {
  return env.OPENINGS.getByName(sha256Hex(JSON.stringify([agent, user])))
}

/** A tree that is to be opened, with its place among those of its agent and user. */
export interface Slot {
  readonly root: string
  readonly undo: () => Promise<void>
}

/** In a user's place: whoever is asked, an agent may have so many questions open, as people can be invented. */
export const ANY_USER = "anybody who is asked"

/**
 * @param user issuer and subject, joined by `|`; null: the agent acts on its own behalf
 * @param until milliseconds; the tree does not live longer
 * @param use what becomes of a place that the tree has already. Only the ledger, which redeems the tree's consent, may
 *   renew it: a further answer of the same page must not shorten the place of a tree that is live by now.
 */
export async function reserveSlot(
  root: string,
  agent: string,
  user: string | null,
  until: number,
  { agents }: Bundle,
  { env }: Pick<RequestContext, "env">,
  use: "kept" | "renewed" = "kept",
): Promise<Slot | OAuthFailure> {
  const definition = agents.get(agent)
  if (!definition) return oauthError({ reason: "agent_unregistered", agent })
  const places = taskQuotaOf(env, agent, user)
  try {
    const full = await places.take(root, until, definition.trees, use)
    return full ? oauthError({ reason: "too_many_tasks", ...full }) : { root, undo: async () => places.undo(root) }
  } catch (error) {
    logEvent("openings_failed", { error: String(error) })
    return oauthError({ reason: "unavailable" })
  }
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS trees (root TEXT PRIMARY KEY, opened_at INTEGER NOT NULL, until INTEGER NOT NULL)
  WITHOUT ROWID`

interface TreeRow extends Record<string, SqlStorageValue> {
  readonly root: string
  readonly opened_at: number
  readonly until: number
}

export class Openings extends DurableObject<Env> {
  /** Milliseconds, until when each tree has its place. */
  readonly #places = new Map<string, number>()
  /** Milliseconds, oldest first, of the last minute. */
  #opened: number[] = []

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec(SCHEMA)
    for (const row of ctx.storage.sql.exec<TreeRow>("SELECT * FROM trees ORDER BY opened_at")) {
      this.#places.set(row.root, row.until)
      this.#opened.push(row.opened_at)
    }
  }

  /**
   * @param until milliseconds; the tree does not live longer
   * @param use what becomes of a place that the tree has already
   * @returns why there is no place for it
   */
  async take(
    root: string,
    until: number,
    { live, per_minute }: OpeningLimits,
    use: "kept" | "renewed",
  ): Promise<NoRoom> {
    const { sql } = this.ctx.storage
    const now = Date.now()
    if (this.#places.has(root)) {
      if (use === "kept") return null
      sql.exec("UPDATE trees SET until = ? WHERE root = ?", until, root)
      this.#places.set(root, until)
      return null
    }
    this.#forget(now)
    // The earliest of so many as are allowed has to be a minute ago.
    const earliest = this.#opened.at(-per_minute)
    if (earliest !== undefined) return { what: "rate", retry_after: seconds(earliest + MINUTE_MS - now) }
    if (this.#places.size >= live) {
      this.#sweep(now)
      if (this.#places.size >= live) {
        return { what: "live", retry_after: seconds(Math.min(...this.#places.values()) - now) }
      }
    }
    sql.exec("INSERT INTO trees VALUES (?, ?, ?) ON CONFLICT (root) DO UPDATE SET until = ?", root, now, until, until)
    this.#places.set(root, until)
    this.#opened.push(now)
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(until + MINUTE_MS)
    return null
  }

  /** Its tree has ended; that it was opened still counts for a minute. */
  releaseSlot(root: string): void {
    this.ctx.storage.sql.exec("UPDATE trees SET until = 0 WHERE root = ?", root)
    this.#places.delete(root)
  }

  /** There never was a tree. */
  undo(root: string): void {
    const [row] = this.ctx.storage.sql.exec<TreeRow>("DELETE FROM trees WHERE root = ? RETURNING *", root)
    this.#places.delete(root)
    const at = row ? this.#opened.indexOf(row.opened_at) : -1
    if (at >= 0) this.#opened.splice(at, 1)
  }

  override async alarm(): Promise<void> {
    const { sql } = this.ctx.storage
    const now = Date.now()
    sql.exec("DELETE FROM trees WHERE until <= ? AND opened_at <= ?", now, now - MINUTE_MS)
    this.#sweep(now)
    const { last } = sql.exec<{ last: number | null }>("SELECT MAX(until) AS last FROM trees").one()
    if (last === null) {
      // Nothing is stored for an agent and user who are gone; this very object may still be asked.
      await this.ctx.storage.deleteAll()
      sql.exec(SCHEMA)
    } else await this.ctx.storage.setAlarm(Math.max(last, now) + MINUTE_MS)
  }

  #sweep(now: number): void {
    for (const [root, until] of this.#places) if (until <= now) this.#places.delete(root)
  }

  /** Openings that are a minute old. A clock that was set back keeps more of them: the limit holds all the same. */
  #forget(now: number): void {
    const young = this.#opened.findIndex((openedAt) => openedAt > now - MINUTE_MS)
    if (young !== 0) this.#opened = young < 0 ? [] : this.#opened.slice(young)
  }
}

const seconds = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / 1000))
