/**
 * The key ring: it makes, rotates and retires the keys that sign our tokens, for each algorithm separately, so that
 * another can be chosen at any time. It stands in the object of the switchboard, whose first lease brings an isolate the
 * public keys too. With one writer, isolates never disagree about the current key. The private half leaves it only for
 * our own isolates.
 */
import { exportJWK, generateKeyPair, type JWK } from "jose"
import { isOwnAlgorithm, OWN_ALGORITHMS, type OwnAlgorithm } from "../core/keys/algorithm.ts"
import { scheduleOf, type RingKey, type Schedule } from "../core/keys/key-rotation.ts"
import { LINK_NAME, linkText, type KeyX } from "../core/proof/key-chain.ts"
import { noteOf } from "../core/proof/checkpoint.ts"
import { noteSignature } from "./note-signature.ts"

export interface SigningKey {
  readonly kid: string
  readonly privateJwk: JWK
}

interface StoredKey extends RingKey {
  readonly alg: OwnAlgorithm
  readonly private: string
  readonly public: string
}

interface KeyRow extends Record<string, SqlStorageValue> {
  readonly kid: string
  readonly private: string
  readonly public: string
  readonly made_at: number
}

/** In a year, this many guesses find a PIN of four digits with a probability of one third. */
const COMPARISONS = { inAll: 100, ofOne: 10, withinMs: 24 * 60 * 60_000 } as const

export function keyRing(env: Env): ReturnType<Env["SWITCHBOARD"]["getByName"]> {
  return env.SWITCHBOARD.getByName("board")
}

export class KeyRing {
  readonly #ctx: DurableObjectState

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx
    ctx.storage.sql.exec(
      `CREATE TABLE IF NOT EXISTS keys (kid TEXT PRIMARY KEY, private TEXT NOT NULL, public TEXT NOT NULL,
         made_at INTEGER NOT NULL) WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS gone (kid TEXT PRIMARY KEY) WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS links (key TEXT PRIMARY KEY, note TEXT NOT NULL) WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS record_key (id INTEGER PRIMARY KEY CHECK (id = 1), secret TEXT NOT NULL);
       CREATE TABLE IF NOT EXISTS comparisons (decision TEXT NOT NULL, at INTEGER NOT NULL)`,
    )
  }

  async signingKey(alg: OwnAlgorithm): Promise<SigningKey> {
    const signing = (await this.#current()).get(alg)?.signing
    if (!signing) throw new Error("the key ring could not keep its key")
    return { kid: signing.kid, privateJwk: JSON.parse(signing.private) }
  }

  /**
   * Hex. The secret with which records hash arguments: it never changes, because otherwise no hash could be compared
   * any more.
   */
  recordKey(): string {
    const secret = crypto.getRandomValues(new Uint8Array(32)).toHex()
    const { sql } = this.#ctx.storage
    sql.exec("INSERT OR IGNORE INTO record_key VALUES (1, ?)", secret)
    return sql.exec<{ secret: string }>("SELECT secret FROM record_key").one().secret
  }

  /**
   * Counts one comparison with the arguments' hash of a record. False if there were too many within a day: each is a
   * guess at what the record redacts.
   */
  admitComparison(decision: string): boolean {
    const { sql } = this.#ctx.storage
    const now = Date.now()
    sql.exec("DELETE FROM comparisons WHERE at <= ? OR at > ?", now - COMPARISONS.withinMs, now)
    const { all, own } = sql
      .exec<{ all: number; own: number }>(
        'SELECT COUNT(*) AS "all", TOTAL(decision = ?) AS own FROM comparisons',
        decision,
      )
      .one()
    if (all >= COMPARISONS.inAll || own >= COMPARISONS.ofOne) return false
    sql.exec("INSERT INTO comparisons VALUES (?, ?)", decision, now)
    return true
  }

  /** When the key that signs was made, in milliseconds since the epoch, by algorithm. */
  async keyAges(): Promise<{ readonly algorithm: OwnAlgorithm; readonly madeAt: number }[]> {
    return [...(await this.#current())].flatMap(([algorithm, { signing }]) =>
      signing ? [{ algorithm, madeAt: signing.madeAt }] : [],
    )
  }

  /** Every key that verifies, or will soon sign, as published under `jwks_uri`; for each algorithm the newest first. */
  async publicKeys(): Promise<JWK[]> {
    const schedules = [...(await this.#current()).values()]
    return schedules.flatMap(({ retained }) => retained.map((row): JWK => JSON.parse(row.public)))
  }

  /** Notes that link each key that has signed checkpoints with the one before it, without those that were pulled. */
  async keyLinks(): Promise<string[]> {
    await this.#current()
    // A ring of an earlier release has keys without links.
    await this.#ctx.blockConcurrencyWhile(() => this.#link())
    const rows = this.#ctx.storage.sql.exec<{ note: string }>("SELECT note FROM links").toArray()
    return rows.map(({ note }) => note)
  }

  /** What signs checkpoints is linked while the key before it is there. */
  async #link(): Promise<void> {
    const keys = (this.#schedules().get("EdDSA")?.retained ?? []).toReversed()
    let before: JWK | null = null
    for (const { private: secret } of keys) {
      const jwk: JWK = JSON.parse(secret)
      const key: KeyX = jwk.x ?? ""
      const { sql } = this.#ctx.storage
      if (sql.exec("SELECT key FROM links WHERE key = ?", key).toArray().length === 0) {
        const text = linkText({ key, before: before?.x ?? null })
        const signers = before ? [jwk, before] : [jwk]
        const signatures = await Promise.all(signers.map(async (signer) => noteSignature(signer, LINK_NAME, text)))
        sql.exec("INSERT OR IGNORE INTO links VALUES (?, ?)", key, noteOf(text, signatures))
      }
      before = jwk
    }
  }

  /** Deletes a key that is no longer trusted at once; another one signs. */
  async pull(kid: string): Promise<void> {
    const { sql } = this.#ctx.storage
    sql.exec("DELETE FROM links WHERE key = (SELECT public ->> 'x' FROM keys WHERE kid = ?)", kid)
    this.#drop(kid)
    await this.#current()
  }

  /**
   * Whether the key is or was one of the ring's: isolates may cache the public half of a deleted one for a while
   * longer.
   */
  had(kid: string): boolean {
    const { sql } = this.#ctx.storage
    return (
      sql.exec("SELECT kid FROM keys WHERE kid = ? UNION SELECT kid FROM gone WHERE kid = ?", kid, kid).toArray()
        .length > 0
    )
  }

  /** The id of a deleted key stays. They are few: one a month, and those that were pulled. */
  #drop(kid: string): void {
    const { sql } = this.#ctx.storage
    this.#ctx.storage.transactionSync(() => {
      sql.exec("INSERT OR IGNORE INTO gone SELECT kid FROM keys WHERE kid = ?", kid)
      sql.exec("DELETE FROM keys WHERE kid = ?", kid)
    })
  }

  /**
   * Replaces all keys at once: no token that one of them has signed counts any more. Nobody else had them, so each new one
   * is linked with the one before it.
   */
  async replace(): Promise<void> {
    const before = [...this.#schedules().values()].flatMap(({ retained }) => retained)
    await this.#ctx.blockConcurrencyWhile(async () => {
      for (const alg of OWN_ALGORITHMS) await this.#add(alg)
      await this.#link()
    })
    for (const { kid } of before) this.#drop(kid)
    await this.#current()
  }

  /** For the alarm of its object: rotates the keys even if nobody requests them for a while. */
  async rotate(): Promise<void> {
    await this.#current()
  }

  async #current(): Promise<ReadonlyMap<OwnAlgorithm, Schedule<StoredKey>>> {
    if (this.#due().length > 0) await this.#ctx.blockConcurrencyWhile(() => this.#make())
    const schedules = this.#schedules()
    const all = [...schedules.values()]
    for (const { kid } of all.flatMap(({ dropped }) => dropped)) this.#drop(kid)
    if ((await this.#ctx.storage.getAlarm()) === null) {
      await this.#ctx.storage.setAlarm(Math.min(...all.map(({ nextAt }) => nextAt)))
    }
    return schedules
  }

  #schedules(): ReadonlyMap<OwnAlgorithm, Schedule<StoredKey>> {
    const rows = this.#ctx.storage.sql.exec<KeyRow>("SELECT * FROM keys").toArray()
    const keys = rows.flatMap((row): readonly StoredKey[] => {
      const { alg }: JWK = JSON.parse(row.public)
      return isOwnAlgorithm(alg)
        ? [{ kid: row.kid, alg, private: row.private, public: row.public, madeAt: row.made_at }]
        : []
    })
    const now = Date.now()
    return new Map(
      OWN_ALGORITHMS.map((alg) => [
        alg,
        scheduleOf(
          keys.filter((key) => key.alg === alg),
          now,
        ),
      ]),
    )
  }

  #due(): readonly OwnAlgorithm[] {
    return [...this.#schedules()].flatMap(([alg, { makes }]) => (makes ? [alg] : []))
  }

  /** Checks again what is due: another request may have made it while this one waited for its turn. */
  async #make(): Promise<void> {
    for (const alg of this.#due()) await this.#add(alg)
    await this.#link()
  }

  async #add(alg: OwnAlgorithm): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
    const kid = crypto.randomUUID()
    const described = { kid, alg, use: "sig" }
    const [secret, open] = [await exportJWK(privateKey), await exportJWK(publicKey)]
    this.#ctx.storage.sql.exec(
      "INSERT INTO keys VALUES (?, ?, ?, ?)",
      kid,
      JSON.stringify({ ...secret, ...described }),
      JSON.stringify({ ...open, ...described }),
      Date.now(),
    )
  }
}
