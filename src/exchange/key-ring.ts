/**
 * The key ring: one Durable Object that makes, rotates and retires the keys which sign our tokens. One writer, so that
 * isolates never disagree about which key is current; the private half leaves it only towards our own isolates.
 */
import { DurableObject } from "cloudflare:workers"
import { exportJWK, generateKeyPair, type JWK } from "jose"
import { OWN_ALGORITHM } from "../credential/algorithm.ts"
import { scheduleOf, type RingKey, type Schedule } from "./rotation.ts"

export interface SigningKey {
  readonly kid: string
  readonly privateJwk: JWK
}

interface Kept extends RingKey {
  readonly private: string
  readonly public: string
}

interface KeyRow extends Record<string, SqlStorageValue> {
  readonly kid: string
  readonly private: string
  readonly public: string
  readonly made_at: number
}

export function keyRing(env: Env): DurableObjectStub<KeyRing> {
  return env.KEY_RING.getByName("ring")
}

export class KeyRing extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS keys (kid TEXT PRIMARY KEY, private TEXT NOT NULL, public TEXT NOT NULL,
         made_at INTEGER NOT NULL) WITHOUT ROWID`,
    )
  }

  async signingKey(): Promise<SigningKey> {
    const { signing } = await this.#current()
    if (!signing) throw new Error("the key ring could not keep its key")
    return { kid: signing.kid, privateJwk: JSON.parse(signing.private) }
  }

  /** Every key that verifies, or will soon sign, as published under `jwks_uri`; newest first. */
  async publicKeys(): Promise<JWK[]> {
    const { kept } = await this.#current()
    return kept.map((row): JWK => JSON.parse(row.public))
  }

  /** A key that is not to be trusted any more is gone at once, and another one signs. */
  async pull(kid: string): Promise<void> {
    this.ctx.storage.sql.exec("DELETE FROM keys WHERE kid = ?", kid)
    await this.#current()
  }

  /** Rotation goes on where nobody asks for a while. */
  override async alarm(): Promise<void> {
    await this.#current()
  }

  async #current(): Promise<Schedule<Kept>> {
    if (this.#schedule().makes) await this.ctx.blockConcurrencyWhile(() => this.#make())
    const schedule = this.#schedule()
    for (const { kid } of schedule.dropped) this.ctx.storage.sql.exec("DELETE FROM keys WHERE kid = ?", kid)
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(schedule.nextAt)
    return schedule
  }

  #schedule(): Schedule<Kept> {
    const rows = this.ctx.storage.sql.exec<KeyRow>("SELECT * FROM keys").toArray()
    const keys = rows.map((row): Kept => ({
      kid: row.kid,
      private: row.private,
      public: row.public,
      madeAt: row.made_at,
    }))
    return scheduleOf(keys, Date.now())
  }

  async #make(): Promise<void> {
    // Another question may have made it while this one waited for its turn.
    if (!this.#schedule().makes) return
    const { privateKey, publicKey } = await generateKeyPair(OWN_ALGORITHM, { extractable: true })
    const kid = crypto.randomUUID()
    const described = { kid, alg: OWN_ALGORITHM, use: "sig" }
    const [secret, open] = [await exportJWK(privateKey), await exportJWK(publicKey)]
    this.ctx.storage.sql.exec(
      "INSERT INTO keys VALUES (?, ?, ?, ?)",
      kid,
      JSON.stringify({ ...secret, ...described }),
      JSON.stringify({ ...open, ...described }),
      Date.now(),
    )
  }
}
