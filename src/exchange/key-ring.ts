/**
 * The key ring: one Durable Object that makes and keeps the keys which sign our tokens. One writer, so that isolates
 * never disagree about which key is current; the private half leaves it only towards our own isolates.
 */
import { DurableObject } from "cloudflare:workers"
import { exportJWK, generateKeyPair, type JWK } from "jose"
import { OWN_ALGORITHM } from "../credential/algorithm.ts"

export interface SigningKey {
  readonly kid: string
  readonly privateJwk: JWK
}

interface KeyRow extends Record<string, SqlStorageValue> {
  readonly kid: string
  readonly private: string
  readonly public: string
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
    const { kid, private: privateJwk } = (await this.#rows())[0]
    return { kid, privateJwk: JSON.parse(privateJwk) }
  }

  /** Every key that may still verify, as published under `jwks_uri`. */
  async publicKeys(): Promise<JWK[]> {
    const rows = await this.#rows()
    return rows.map((row): JWK => JSON.parse(row.public))
  }

  /** The newest first; the first is made when it is needed. */
  async #rows(): Promise<[KeyRow, ...KeyRow[]]> {
    const read = (): KeyRow[] => this.ctx.storage.sql.exec<KeyRow>("SELECT * FROM keys ORDER BY made_at DESC").toArray()
    const [first, ...others] = read()
    if (first) return [first, ...others]
    await this.ctx.blockConcurrencyWhile(async () => {
      if (read().length > 0) return
      const { privateKey, publicKey } = await generateKeyPair(OWN_ALGORITHM, { extractable: true })
      const kid = crypto.randomUUID()
      const describe = { kid, alg: OWN_ALGORITHM, use: "sig" }
      const [secret, open] = [await exportJWK(privateKey), await exportJWK(publicKey)]
      this.ctx.storage.sql.exec(
        "INSERT INTO keys VALUES (?, ?, ?, ?)",
        kid,
        JSON.stringify({ ...secret, ...describe }),
        JSON.stringify({ ...open, ...describe }),
        Date.now(),
      )
    })
    const [made, ...rest] = read()
    if (!made) throw new Error("the key ring could not keep its key")
    return [made, ...rest]
  }
}
