/** What was told of agents and users, by whoever told it, as it rests in the switchboard. */
import { lastOf, riskAt, type Signal, type ToldRisk } from "../guardrails/risk.ts"
import { MAX_RISKS, writeRisk, type ListedRisk } from "./risks.ts"
import { riskOf, sourceOf, stands, type RiskChange, type SignalReport } from "./signal.ts"

interface RiskRow extends Record<string, SqlStorageValue> {
  /** Who told it: a stream of events, or, where it is empty, an operator. */
  readonly source: string
  readonly kind: ToldRisk["kind"]
  readonly name: string
  readonly level: number
  readonly at: number
  readonly half_life: number
  /** Milliseconds: afterwards nothing is left of it, nor anything of before to come that it would stand against. */
  readonly last: number
}

const signalOf = ({ level, at, half_life: halfLife }: RiskRow): Signal => ({ level, at, halfLife })

function listedOf(row: RiskRow): ListedRisk {
  const written = writeRisk(row.kind, row.name, signalOf(row))
  return row.source === "" ? written : [...written, row.source]
}

export class KeptRisks {
  readonly #sql: SqlStorage
  /** As leases carry them until one of them has run out: asked for every second, and seldom another. */
  #written: { readonly text: string; readonly until: number } | null = null

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS told_risks (source TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        level INTEGER NOT NULL, at INTEGER NOT NULL, half_life INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (source, kind, name)) WITHOUT ROWID`)
    // Of before there were streams: operators' own.
    if (sql.exec("SELECT name FROM sqlite_master WHERE name = 'risks'").toArray().length === 0) return
    sql.exec("INSERT OR IGNORE INTO told_risks SELECT '', * FROM risks; DROP TABLE risks")
  }

  /** JSON, as leases carry it. */
  lent(now: number): string {
    if (!this.#written || now > this.#written.until) {
      const rows = this.#rows(now)
      const text = JSON.stringify(rows.map((row) => writeRisk(row.kind, row.name, signalOf(row))))
      this.#written = {
        text,
        until: Math.min(Number.POSITIVE_INFINITY, ...rows.map((row) => lastOf(signalOf(row)))),
      }
    }
    return this.#written.text
  }

  listed(now: number): readonly ListedRisk[] {
    return this.#rows(now).map(listedOf)
  }

  #rows(now: number): RiskRow[] {
    this.#dropRunOut(now)
    return this.#sql
      .exec<RiskRow>("SELECT * FROM told_risks ORDER BY kind, name, source")
      .toArray()
      .filter((row) => riskAt(signalOf(row), now) > 0)
  }

  #dropRunOut(now: number): void {
    this.#sql.exec("DELETE FROM told_risks WHERE last < ?", now)
  }

  /** An operator's word, instead of what they told of it before. */
  rate(kind: ToldRisk["kind"], name: string, signal: Signal | null, now: number): void {
    this.#forget("", kind, name)
    if (signal) this.#keep("", kind, name, signal, 0, now)
    this.#written = null
  }

  /** What a stream has told, as far as nothing later stands against it. */
  take(changes: readonly RiskChange[], { stream, until }: Pick<SignalReport, "stream" | "until">, now: number): void {
    for (const change of changes) {
      const { kind, name, signal } = riskOf(change)
      const source = sourceOf(stream, change.event)
      const [known] = this.#sql.exec<{ at: number }>(
        "SELECT at FROM told_risks WHERE source = ? AND kind = ? AND name = ?",
        source,
        kind,
        name,
      )
      if (stands(known, signal)) this.#keep(source, kind, name, signal, until, now)
    }
    this.#written = null
  }

  /** @param least milliseconds, for which it is remembered at least */
  #keep(source: string, kind: ToldRisk["kind"], name: string, signal: Signal, least: number, now: number): void {
    const { level, at, halfLife } = signal
    this.#forget(source, kind, name)
    this.#makeRoom(now)
    const row = [source, kind, name, level, at, halfLife, Math.max(lastOf(signal), least)]
    this.#sql.exec("INSERT INTO told_risks VALUES (?, ?, ?, ?, ?, ?, ?)", ...row)
  }

  #forget(source: string, kind: ToldRisk["kind"], name: string): void {
    this.#sql.exec("DELETE FROM told_risks WHERE source = ? AND kind = ? AND name = ?", source, kind, name)
  }

  /** What was just told is never what goes: it was promised to hold. Of the others the lowest, of those the oldest. */
  #makeRoom(now: number): void {
    this.#dropRunOut(now)
    const { count } = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM told_risks").one()
    if (count < MAX_RISKS) return
    const lowestFirst = this.#sql
      .exec<RiskRow>("SELECT * FROM told_risks")
      .toArray()
      .map((row) => ({ row, left: riskAt(signalOf(row), now) }))
      .toSorted((a, b) => a.left - b.left || a.row.at - b.row.at)
    for (const { row } of lowestFirst.slice(0, count - MAX_RISKS + 1)) this.#forget(row.source, row.kind, row.name)
  }
}
