/**
 * The exact log of single-use values: proofs and assertions at the token endpoint, and session tokens of issuers whose
 * entry says so. It consists of many small Durable Objects, chosen by the value, so that no single one bears all the
 * load. A value is durable before the response.
 */
import { StoredObject } from "../../platform/storage/stored-object.ts"
import { sha256Hex } from "../../core/encoding/hash.ts"
import { logEvent } from "../../platform/log.ts"
import type { RequestContext } from "../../request-context.ts"
import { oauthError, credentialError, type OAuthFailure } from "../../core/denials/oauth-error.ts"

export interface SingleUse {
  readonly what: "proof" | "assertion" | "subject" | "grant" | "handover"
  /** Its owner: an issuer's id, an agent, or a key's thumbprint. */
  readonly issuer: string
  readonly jti: string
  /** Milliseconds since the epoch; later it would be rejected as expired anyway. */
  readonly until: number
}

/** Objects: each takes hundreds a second. */
const SHARD_DIGITS = 2
/** Another clock than this object's decides whether a credential has expired. */
const CLOCKS_APART_MS = 120_000
/** Each statement costs more than the rows that it examines: only each so many values forget expired ones … */
const VALUES_PER_EXAMINATION = 8
/** … so few that they delay nobody, so many that few rows are those of expired values. */
const EXAMINED = 64

const keyOf = ({ what, issuer, jti }: SingleUse): string => sha256Hex(JSON.stringify([what, issuer, jti]))
const logOf = (env: Env, key: string): DurableObjectStub<OnceLog> => env.ONCE_LOG.getByName(key.slice(0, SHARD_DIGITS))
/** Values that this very request has used up: if one of the others was used before, that was a replay. */
const usedHere = new WeakSet<SingleUse>()

/**
 * Marks all of them as used, one after the other, up to the first that was used before, which it returns. A value
 * without a `jti` cannot be told apart from others, and counts as used. Throws if a log is unavailable.
 */
export async function markUsed(env: Env, all: readonly SingleUse[]): Promise<SingleUse | null> {
  for (const once of all) {
    const key = keyOf(once)
    if (once.jti === "") return once
    if (!(await logOf(env, key).take(key, once.until))) return once
    usedHere.add(once)
  }
  return null
}

/**
 * Marks as used what this request has not used up yet: a proof of identity counts once in a rejected request, too.
 * False if another request has used up one of them, or if this is unknown.
 */
export async function isFirstUse(all: readonly SingleUse[], { env }: RequestContext): Promise<boolean> {
  try {
    const unused = all.filter((each) => !usedHere.has(each))
    return (await markUsed(env, unused)) === null
  } catch (error) {
    logEvent("once_log_failed", { error: String(error) })
    return false
  }
}

/** Marks all as used, or returns the error for the first that was used before. */
export async function refuseReplay(all: readonly SingleUse[], { env }: RequestContext): Promise<OAuthFailure | null> {
  try {
    const used = await markUsed(env, all)
    return used && replayed(used)
  } catch (error) {
    logEvent("once_log_failed", { error: String(error) })
    return oauthError({ reason: "unavailable" })
  }
}

function replayed({ what, jti }: SingleUse): OAuthFailure {
  if (what === "proof") return oauthError({ reason: "proof_replayed" })
  if (what === "handover") return oauthError({ reason: "handover_rejected", what: "used_before" })
  return credentialError(REFUSED_AS[what], { reason: "used_before", jti })
}

const REFUSED_AS = {
  assertion: "agent_unauthenticated",
  subject: "subject_rejected",
  grant: "assertion_rejected",
} as const

/**
 * A row for each value, which is deleted by those that come after it: an alarm would be one more row for each value of a
 * log that is seldom used.
 */
export class OnceLog extends StoredObject {
  /** Key of the last row that was examined. Empty if it begins anew. */
  #examined = ""
  /** In this life, whose first value forgets expired ones, too. */
  #values = 0

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "OnceLog")
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS used (key TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID")
  }

  /** True the first time. */
  take(key: string, until: number): boolean {
    const now = Date.now()
    if (this.#values++ % VALUES_PER_EXAMINATION === 0) this.#forgetExpired(now)
    // It may have been used and forgotten: whatever the caller's clock says, it has expired by this one.
    if (until <= now) return false
    const { sql } = this.ctx.storage
    return sql.exec("INSERT OR IGNORE INTO used VALUES (?, ?) RETURNING key", key, until).toArray().length === 1
  }

  /** Examines a few rows from where it stopped, more than are added. */
  #forgetExpired(now: number): void {
    const { sql } = this.ctx.storage
    const rows = sql
      .exec<{ key: string; until: number }>(
        "SELECT key, until FROM used WHERE key > ? ORDER BY key LIMIT ?",
        this.#examined,
        EXAMINED,
      )
      .toArray()
    for (const { key, until } of rows)
      if (until < now - CLOCKS_APART_MS) sql.exec("DELETE FROM used WHERE key = ?", key)
    this.#examined = rows.length < EXAMINED ? "" : (rows.at(-1)?.key ?? "")
  }
}
