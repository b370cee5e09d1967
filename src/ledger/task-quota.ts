/**
 * How many task trees an agent has open for one user, and how fast it opens them. There is one Durable Object for each
 * agent and user, and it receives a request only when a tree is opened. A slot is reserved before the tree exists and
 * released when it ends. A slot that is never released is free again when the tree would have expired. So the limit is
 * never exceeded, and never stuck.
 */
import { DurableObject } from "cloudflare:workers"
import { sha256Hex } from "../core/encoding/hash.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { OpeningLimits } from "../core/policy/definition/agents.ts"
import type { RequestContext } from "../request-context.ts"
import { oauthError, type OAuthFailure } from "../core/denials/oauth-error.ts"

const MINUTE_MS = 60_000

/** Null if there is room, and the slot is reserved. */
export type NoRoom = { readonly what: "live" | "rate"; /** Seconds. */ readonly retry_after: number } | null

/** @param user issuer and subject, joined by `|`; null: the agent acts on its own behalf */
export function taskQuotaOf(env: Env, agent: string, user: string | null): DurableObjectStub<Openings> {
  return env.OPENINGS.getByName(sha256Hex(JSON.stringify([agent, user])))
}

/** A tree that is to be opened, with its slot among those of its agent and user. */
export interface Slot {
  readonly root: string
  readonly undo: () => Promise<void>
}

/**
 * Stands in for a user. It limits the consents that an agent may request of all people together, because an agent can
 * invent people.
 */
export const ANY_USER = "anybody who is asked"

/**
 * @param user issuer and subject, joined by `|`; null: the agent acts on its own behalf
 * @param until milliseconds; the tree does not live longer
 * @param use what becomes of a slot that the tree already has. Only the ledger, which redeems the tree's consent, may
 *   renew it: a further answer of the same page must not shorten the slot of a tree that is live by now.
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
  /** Until when each tree has its slot, in milliseconds. */
  readonly #places = new Map<string, number>()
  /** The openings of the last minute, in milliseconds, oldest first. */
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
   * @param use what becomes of a slot that the tree already has
   * @returns why there is no slot for it
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
    // The earliest of as many openings as are allowed has to be a minute ago.
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

  /** The tree has ended; its opening still counts for a minute. */
  releaseSlot(root: string): void {
    this.ctx.storage.sql.exec("UPDATE trees SET until = 0 WHERE root = ?", root)
    this.#places.delete(root)
  }

  /** The tree was never opened. */
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
      // Nothing stays stored for an agent and user that have no trees; this very object may still receive requests.
      await this.ctx.storage.deleteAll()
      sql.exec(SCHEMA)
    } else await this.ctx.storage.setAlarm(Math.max(last, now) + MINUTE_MS)
  }

  #sweep(now: number): void {
    for (const [root, until] of this.#places) if (until <= now) this.#places.delete(root)
  }

  /**
   * Drops openings that are a minute old. If the clock was set back, more of them stay, and the limit holds
   * nevertheless.
   */
  #forget(now: number): void {
    const young = this.#opened.findIndex((openedAt) => openedAt > now - MINUTE_MS)
    if (young !== 0) this.#opened = young < 0 ? [] : this.#opened.slice(young)
  }
}

const seconds = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / 1000))
