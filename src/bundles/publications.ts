/**
 * The publications: one Durable Object that makes every change of what KV points to, one after the other, and stores
 * who made it, when and why; and whose the deployment is, if that was claimed. KV has no compare-and-set; this object does. It also stores the newest pointer that any
 * isolate has accepted. Isolates request it when they read KV, which may return an old pointer, or one that an attacker
 * has put back.
 */
import { StoredObject } from "../platform/storage/stored-object.ts"
import { configOf, keepOwnership, settingsOf, type Ownership } from "../platform/config.ts"
import { logEvent } from "../platform/log.ts"
import { PUBLISHINGS, type Publishing } from "../core/policy/bundle.ts"
import { CANDIDATE_KEY } from "./candidate.ts"
import type { Claim } from "./claim.ts"
import { ClaimStorage, type ClaimOutcome } from "./claim-storage.ts"
import { verifyPublication, type Publication } from "./signed-publication.ts"
import { POINTER_KEY, withTimeout } from "./store.ts"

/** The oldest go first. */
const MAX_HISTORY = 10_000
/** Numbers are never used again, so no publisher may use them up at once. */
const MAX_STEP = 1_000_000
/** A late write of KV, after a newer one, is found by then, and looked for again. */
const LOOK_AFTER_MS = 90_000
const LOOK_FOR_MS = 900_000
/** What KV has not stored by then counts as failed; the next change does not wait longer. */
const PUT_WITHIN_MS = 25_000

/** A publication without the signed statement itself. */
export interface Published extends Omit<Publication, "jws"> {
  /** False if it was cut off before KV had it, or KV did not store it. */
  readonly done: boolean
}

export type PublishOutcome =
  | { readonly published: Published }
  /** Its number is not above all earlier ones. */
  | { readonly outrun: Head }
  /** Its number is so far above that few would be left. */
  | { readonly tooFar: Head }
  | { readonly unavailable: true }

export interface Head {
  /** The highest number so far, 0 if there is none. */
  readonly seq: number
  /** The live pointer, if it was published through this object. */
  readonly live: Published | null
}

export function publications(env: Env): DurableObjectStub<Publications> {
  return env.PUBLICATIONS.getByName("publications")
}

interface Row extends Record<string, SqlStorageValue> {
  readonly seq: number
  readonly what: string
  readonly digest: string
  readonly at: number
  readonly author: string
  readonly why: string
  readonly kid: string
  readonly done: number
  readonly jws: string
}

const isPublishing = (what: string): what is Publishing => PUBLISHINGS.some((each) => each === what)

export class Publications extends StoredObject {
  /**
   * The change in progress. Unlike blocking the object, it does not keep isolates from requesting the newest pointer.
   */
  #turn: Promise<unknown> = Promise.resolve()
  readonly #claims: ClaimStorage

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Publications")
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS publications (seq INTEGER PRIMARY KEY, what TEXT NOT NULL, digest TEXT NOT NULL,
        at INTEGER NOT NULL, author TEXT NOT NULL, why TEXT NOT NULL, kid TEXT NOT NULL, done INTEGER NOT NULL,
        jws TEXT NOT NULL)`)
    this.#claims = new ClaimStorage(ctx.storage.sql)
    const ownership = this.ownership()
    if (ownership) keepOwnership(ownership)
  }

  /** What was claimed. Null if nobody has claimed the deployment. */
  ownership(): Ownership | null {
    return this.#claims.ownership()
  }

  /** The first that is proven makes the deployment the claimant's, for good. */
  async claim(claim: Claim): Promise<ClaimOutcome> {
    const outcome = await this.#claims.claim(settingsOf(this.env).claim, claim, Date.now())
    if (outcome === "claimed") keepOwnership(claim.ownership)
    return outcome
  }

  /** The body is in KV already, and was read. */
  async publish(publication: Publication): Promise<PublishOutcome> {
    // One at a time: the last write must be that of the highest number.
    return this.#inTurn(async () => this.#publish(publication))
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** The newest pointer that this Worker has accepted, as it was signed. */
  newest(): string | null {
    return this.#live()?.jws ?? null
  }

  /**
   * An isolate has found a pointer in KV and hands it over before it decides by it: from then on no other isolate
   * decides by an older one. A number that belongs to another statement is not accepted.
   */
  async accept(jws: string): Promise<string | null> {
    const found = await verifyPublication(jws, configOf(this.env), "pointer").catch(() => null)
    if (found) this.#accept(found)
    return this.newest()
  }

  #accept({ what, seq, digest, at, by, why, kid, jws }: Publication): void {
    const { sql } = this.ctx.storage
    const highest = this.head().seq
    const same = this.#last("seq = ?", seq)
    // It was cut off before it was known whether KV had it: KV has it.
    if (same?.what === what && same.digest === digest) sql.exec("UPDATE publications SET done = 1 WHERE seq = ?", seq)
    else if (seq > highest && seq <= highest + MAX_STEP) {
      logEvent("publication_found", { seq })
      sql.exec("INSERT INTO publications VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)", seq, what, digest, at, by, why, kid, jws)
    }
  }

  async #publish(publication: Publication): Promise<PublishOutcome> {
    const { what, seq, digest, at, by, why, kid, jws } = publication
    const { sql } = this.ctx.storage
    const head = this.head()
    const same = head.seq === seq ? this.#last("seq = ?", seq) : null
    // A publication that was cut off may be sent again; a completed one needs no second write. Another statement of the
    // same number would be answered as published, although the history never has its author and reason.
    if (same && isSameStatement(same, publication)) {
      if (same.done) return { published: same }
    } else if (seq <= head.seq) return { outrun: head }
    else if (seq > head.seq + MAX_STEP) return { tooFar: head }
    else {
      sql.exec("INSERT INTO publications VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)", seq, what, digest, at, by, why, kid, jws)
      await this.ctx.storage.sync()
    }
    try {
      const { BUNDLES: kv } = this.env
      const key = what === "pointer" ? POINTER_KEY : CANDIDATE_KEY
      await withTimeout(what === "withdrawal" ? kv.delete(key) : kv.put(key, jws), PUT_WITHIN_MS)
    } catch (error) {
      logEvent("publication_not_stored", { seq, error: String(error) })
      return { unavailable: true }
    }
    // KV has the statement that was sent last.
    sql.exec("UPDATE publications SET done = 1, jws = ? WHERE seq = ?", jws, seq)
    await this.ctx.storage.setAlarm(Date.now() + LOOK_AFTER_MS)
    sql.exec(
      "DELETE FROM publications WHERE seq <= (SELECT seq FROM publications ORDER BY seq DESC LIMIT 1 OFFSET ?) AND seq < ?",
      MAX_HISTORY,
      this.#live()?.seq ?? 0,
    )
    return { published: { what, seq, digest, at, by, why, kid, done: true } }
  }

  /** A pointer that KV stored late, or again, must not undo what was published since. */
  protected override async onAlarm(): Promise<void> {
    // Nor may this undo a publication in progress: the pointer that it reads is written before the next change.
    await this.#inTurn(async () => this.#putAgain())
  }

  async #putAgain(): Promise<void> {
    const live = this.#live()
    if (!live) return
    const { BUNDLES: kv } = this.env
    const there = await withTimeout(kv.get(POINTER_KEY))
    if (there !== live.jws && !(await isNewer(there, live.seq, this.env))) {
      logEvent("publication_put_again", { seq: live.seq })
      await withTimeout(kv.put(POINTER_KEY, live.jws), PUT_WITHIN_MS)
    }
    if (Date.now() - live.at < LOOK_FOR_MS) await this.ctx.storage.setAlarm(Date.now() + LOOK_AFTER_MS)
  }

  /** The live pointer, with the statement itself. */
  #live(): Row | undefined {
    const [live] = this.ctx.storage.sql
      .exec<Row>("SELECT * FROM publications WHERE what = 'pointer' AND done = 1 ORDER BY seq DESC LIMIT 1")
      .toArray()
    return live
  }

  head(): Head {
    const last = this.#last("1")
    return { seq: last?.seq ?? 0, live: this.#last("what = 'pointer' AND done = 1") }
  }

  /** The latest first. */
  list(limit: number): readonly Published[] {
    return this.ctx.storage.sql
      .exec<Row>("SELECT * FROM publications ORDER BY seq DESC LIMIT ?", limit)
      .toArray()
      .flatMap(published)
  }

  #last(where: string, ...values: readonly number[]): Published | null {
    const query = `SELECT * FROM publications WHERE ${where} ORDER BY seq DESC LIMIT 1`
    return (
      this.ctx.storage.sql
        .exec<Row>(query, ...values)
        .toArray()
        .flatMap(published)[0] ?? null
    )
  }
}

function isSameStatement(one: Omit<Publication, "jws">, other: Omit<Publication, "jws">): boolean {
  return (["what", "seq", "digest", "at", "by", "why", "kid"] as const).every((name) => one[name] === other[name])
}

/** Whether KV holds a newer pointer that a publisher signed for this Worker: an isolate will hand it over. */
async function isNewer(jws: string | null, seq: number, env: Env): Promise<boolean> {
  const found = jws === null ? null : await verifyPublication(jws, configOf(env), "pointer").catch(() => null)
  return found !== null && found.seq > seq
}

function published({ seq, what, digest, at, author: by, why, kid, done }: Row): Published[] {
  return isPublishing(what) ? [{ seq, what, digest, at, by, why, kid, done: done === 1 }] : []
}
