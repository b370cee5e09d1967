/**
 * The registered clients of a class, one Durable Object: how many, how fast, and their list. Registering, listing and
 * removing go through it; no sign-in and no call does.
 */
import type { RegistrationDefinition } from "../../core/policy/definition/registration.ts"
import { StoredObject } from "../../platform/storage/stored-object.ts"
import { registrationObject, type ClientRegistration } from "./registration.ts"

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
/** One network has this part of what a minute and a day have room for, so that one host cannot use them up. */
const SHARES = 4
/** A client that has no token after this time has most likely been given up. */
const GIVEN_UP_MS = 3_600_000
/** When there is no room, so many of the clients are asked whether they are used, the next ones each time. */
const EXAMINED = 32

export type Limits = Pick<RegistrationDefinition, "per_minute" | "per_day" | "most">

export interface ListedClient {
  readonly id: string
  readonly registration: ClientRegistration
  /** Milliseconds. Null: no token was issued to it yet. */
  readonly usedAt: number | null
}

/** Which limit was reached, and in how many seconds to try again. */
export interface RegistrationLimit {
  readonly what: "minute" | "day" | "network" | "most"
  readonly retry_after: number
}

const shareOf = (all: number): number => Math.ceil(all / SHARES)

type Row = { readonly id: string; readonly registration: string }

export function clientRegistry(env: Env, name: string): DurableObjectStub<ClientRegistry> {
  return env.CLIENT_REGISTRY.getByName(name)
}

export class ClientRegistry extends StoredObject {
  /** Where the search for unused clients continues. */
  #examined = ""
  /** When the last searches began, and for which network. */
  #searches: readonly { readonly at: number; readonly network: string | null }[] = []

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "ClientRegistry")
    const { sql } = ctx.storage
    sql.exec(
      "CREATE TABLE IF NOT EXISTS clients (id TEXT PRIMARY KEY, registration TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID",
    )
    // A client that is removed counts for the pace all the same.
    sql.exec("CREATE TABLE IF NOT EXISTS paces (at INTEGER NOT NULL, network TEXT)")
    sql.exec("CREATE INDEX IF NOT EXISTS paces_at ON paces (at)")
    sql.exec("CREATE INDEX IF NOT EXISTS clients_expires ON clients (expires)")
  }

  /** @param network null: unknown, and so without a share of its own */
  async add(
    id: string,
    registration: ClientRegistration,
    network: string | null,
    limits: Limits,
  ): Promise<RegistrationLimit | null> {
    this.#forgetExpired(Date.now())
    const before = this.#paceLimit(network, limits)
    if (before) return before
    if (this.#count("SELECT count(*) AS n FROM clients") >= limits.most && this.#maySearch(network, limits)) {
      await this.#dropUnused()
    }
    // Others may have come in the meantime: from here to the insertion nothing waits.
    const limit = this.#paceLimit(network, limits)
    if (limit) return limit
    if (this.#count("SELECT count(*) AS n FROM clients") >= limits.most) {
      return { what: "most", retry_after: GIVEN_UP_MS / 1_000 }
    }
    const { sql } = this.ctx.storage
    sql.exec("INSERT INTO paces VALUES (?, ?)", Date.now(), network)
    sql.exec("INSERT INTO clients VALUES (?, ?, ?)", id, JSON.stringify(registration), registration.expiresAt)
    await registrationObject(this.env, id).begin(registration)
    return null
  }

  /** In the order of their ids, from behind one of them. */
  async listed(
    after: string,
    limit: number,
  ): Promise<{ readonly clients: readonly ListedClient[]; readonly total: number }> {
    this.#forgetExpired(Date.now())
    const rows = this.#rows("SELECT id, registration FROM clients WHERE id > ? ORDER BY id LIMIT ?", after, limit)
    const clients = await Promise.all(
      rows.map(async ({ id, registration }): Promise<ListedClient> => {
        const usedAt = await registrationObject(this.env, id).usedAt()
        return { id, registration: JSON.parse(registration), usedAt }
      }),
    )
    return { clients, total: this.#count("SELECT count(*) AS n FROM clients") }
  }

  has(id: string): boolean {
    return this.#rows("SELECT id, registration FROM clients WHERE id = ?", id).length > 0
  }

  /** Once its object has ended. */
  forget(id: string): void {
    this.ctx.storage.sql.exec("DELETE FROM clients WHERE id = ?", id)
  }

  #paceLimit(network: string | null, { per_minute, per_day }: Limits): RegistrationLimit | null {
    const now = Date.now()
    const until = (since: number): number => Math.max(1, Math.ceil((since - now) / 1_000))
    const oldest = (after: number, of = ""): number =>
      this.#count(
        `SELECT coalesce(min(at), ${now}) AS n FROM paces WHERE at > ? ${of}`,
        after,
        ...(of === "" ? [] : [network]),
      )
    const [minute, day] = [now - MINUTE_MS, now - DAY_MS]
    if (this.#count("SELECT count(*) AS n FROM paces WHERE at > ?", minute) >= per_minute) {
      return { what: "minute", retry_after: until(oldest(minute) + MINUTE_MS) }
    }
    if (this.#count("SELECT count(*) AS n FROM paces WHERE at > ?", day) >= per_day) {
      return { what: "day", retry_after: until(oldest(day) + DAY_MS) }
    }
    if (network === null) return null
    const ofNetwork = "AND network = ?"
    const used = (after: number): number =>
      this.#count(`SELECT count(*) AS n FROM paces WHERE at > ? ${ofNetwork}`, after, network)
    if (used(day) >= shareOf(per_day)) {
      return { what: "network", retry_after: until(oldest(day, ofNetwork) + DAY_MS) }
    }
    if (used(minute) >= shareOf(per_minute)) {
      return { what: "network", retry_after: until(oldest(minute, ofNetwork) + MINUTE_MS) }
    }
    return null
  }

  #forgetExpired(now: number): void {
    this.ctx.storage.sql.exec("DELETE FROM clients WHERE expires <= ?", now)
    this.ctx.storage.sql.exec("DELETE FROM paces WHERE at <= ?", now - DAY_MS)
  }

  /** A request for which there is no room counts nowhere, and would else ask many objects as often as anybody likes. */
  #maySearch(network: string | null, { per_minute }: Limits): boolean {
    const at = Date.now()
    const recent = this.#searches.filter((each) => each.at > at - MINUTE_MS)
    const own = network === null ? 0 : recent.filter((each) => each.network === network).length
    const may = recent.length < per_minute && own < shareOf(per_minute)
    this.#searches = may ? [...recent, { at, network }] : recent
    return may
  }

  /** Makes room for clients that are used: drops those to which no token was ever issued. */
  async #dropUnused(): Promise<void> {
    const rows = this.#rows(
      "SELECT id, registration FROM clients WHERE id > ? ORDER BY id LIMIT ?",
      this.#examined,
      EXAMINED,
    )
    this.#examined = rows.length < EXAMINED ? "" : (rows.at(-1)?.id ?? "")
    for (const { id, registration } of rows) {
      const { registeredAt }: ClientRegistration = JSON.parse(registration)
      const object = registrationObject(this.env, id)
      if (Date.now() - registeredAt < GIVEN_UP_MS || (await object.usedAt()) !== null) continue
      await object.end()
      this.forget(id)
    }
  }

  #rows(query: string, ...values: readonly (string | number | null)[]): readonly Row[] {
    return this.ctx.storage.sql.exec<Row>(query, ...values).toArray()
  }

  #count(query: string, ...values: readonly (string | number | null)[]): number {
    return this.ctx.storage.sql.exec<{ n: number }>(query, ...values).one().n
  }
}
