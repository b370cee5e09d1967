/**
 * The publications: one Durable Object through which every change of what KV points to goes, one after the other, and
 * which keeps who made it, when and why. KV cannot compare and set; this can.
 */
import { DurableObject } from "cloudflare:workers"
import { decodeJwt } from "jose"
import * as z from "zod"
import { logEvent } from "../log.ts"
import { PUBLISHINGS, type Publishing } from "../policy/bundle.ts"
import { CANDIDATE_KEY } from "../policy/candidate.ts"
import { POINTER_KEY } from "../policy/store.ts"
import type { Publication } from "./publication.ts"

/** The oldest go first. */
const MAX_KEPT = 10_000
/** Numbers never come back: nobody may use them up at once. */
const MAX_STEP = 1_000_000
/** What was put late, after what came after it, is found by then, and again. */
const LOOK_AFTER_MS = 90_000
const LOOK_FOR_MS = 900_000

/** As it is told: all but the signed statement itself. */
export interface Published extends Omit<Publication, "jws"> {
  /** False: it was cut off before KV had it, or KV did not take it. */
  readonly done: boolean
}

export type PublishOutcome =
  | { readonly published: Published }
  /** Its number is not above all before. */
  | { readonly outrun: Head }
  /** Its number is so far above that few would be left. */
  | { readonly tooFar: Head }
  | { readonly unavailable: true }

export interface Head {
  /** The highest number so far, 0 where there is none. */
  readonly seq: number
  /** What decides, as far as it went this way. */
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

export class Publications extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS publications (seq INTEGER PRIMARY KEY, what TEXT NOT NULL, digest TEXT NOT NULL,
        at INTEGER NOT NULL, author TEXT NOT NULL, why TEXT NOT NULL, kid TEXT NOT NULL, done INTEGER NOT NULL,
        jws TEXT NOT NULL)`)
  }

  /** The body is in KV already, and was read. */
  async publish(asked: Publication): Promise<PublishOutcome> {
    // One at a time: what is put last must be what has the highest number.
    return this.ctx.blockConcurrencyWhile(async () => this.#publish(asked))
  }

  async #publish(asked: Publication): Promise<PublishOutcome> {
    const { what, seq, digest, at, by, why, kid, jws } = asked
    const { sql } = this.ctx.storage
    const head = this.head()
    const same = head.seq === seq ? this.#last("seq = ?", seq) : null
    // What was cut off may be sent again; what has arrived need not be.
    if (same?.what === what && same.digest === digest && same.kid === kid) {
      if (same.done) return { published: same }
    } else if (seq <= head.seq) return { outrun: head }
    else if (seq > head.seq + MAX_STEP) return { tooFar: head }
    else {
      sql.exec("INSERT INTO publications VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?)", seq, what, digest, at, by, why, kid, jws)
      await this.ctx.storage.sync()
    }
    try {
      if (what === "withdrawal") await this.env.BUNDLES.delete(CANDIDATE_KEY)
      else await this.env.BUNDLES.put(what === "pointer" ? POINTER_KEY : CANDIDATE_KEY, jws)
    } catch (error) {
      logEvent("publication_not_stored", { seq, error: String(error) })
      return { unavailable: true }
    }
    sql.exec("UPDATE publications SET done = 1 WHERE seq = ?", seq)
    await this.ctx.storage.setAlarm(Date.now() + LOOK_AFTER_MS)
    sql.exec(
      "DELETE FROM publications WHERE seq <= (SELECT seq FROM publications ORDER BY seq DESC LIMIT 1 OFFSET ?)",
      MAX_KEPT,
    )
    return { published: { what, seq, digest, at, by, why, kid, done: true } }
  }

  /** A pointer that KV took late, or again, must not undo what was published since. */
  override async alarm(): Promise<void> {
    // Nor may this undo what is being published: what is looked up is put before anything else is done.
    await this.ctx.blockConcurrencyWhile(async () => this.#putAgain())
  }

  async #putAgain(): Promise<void> {
    const [live] = this.ctx.storage.sql
      .exec<Row>("SELECT * FROM publications WHERE what = 'pointer' AND done = 1 ORDER BY seq DESC LIMIT 1")
      .toArray()
    if (!live) return
    const there = await this.env.BUNDLES.get(POINTER_KEY)
    if (there !== live.jws && seqOf(there) < live.seq) {
      logEvent("publication_put_again", { seq: live.seq })
      await this.env.BUNDLES.put(POINTER_KEY, live.jws)
    }
    if (Date.now() - live.at < LOOK_FOR_MS) await this.ctx.storage.setAlarm(Date.now() + LOOK_AFTER_MS)
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
      .flatMap(told)
  }

  #last(where: string, ...values: readonly number[]): Published | null {
    const query = `SELECT * FROM publications WHERE ${where} ORDER BY seq DESC LIMIT 1`
    return (
      this.ctx.storage.sql
        .exec<Row>(query, ...values)
        .toArray()
        .flatMap(told)[0] ?? null
    )
  }
}

/** Of a pointer in KV; below all where it is none. */
function seqOf(jws: string | null): number {
  try {
    return jws === null ? -1 : z.object({ seq: z.number() }).parse(decodeJwt(jws)).seq
  } catch {
    return -1
  }
}

function told({ seq, what, digest, at, author: by, why, kid, done }: Row): Published[] {
  return isPublishing(what) ? [{ seq, what, digest, at, by, why, kid, done: done === 1 }] : []
}
