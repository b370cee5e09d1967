/** Reported risks of agents and users, by source, as the switchboard stores them. */
import { lastOf, riskAt, type Signal, type ReportedRisk } from "../core/guardrails/risk.ts"
import { MAX_RISKS, writeRisk, type ListedRisk } from "../core/signals/leased-risks.ts"
import { riskOf, sourceOf, outweighs, type RiskChange, type SignalReport } from "../core/signals/stream-change.ts"

interface RiskRow extends Record<string, SqlStorageValue> {
  /** The source of the report: a stream of events, or an operator if it is empty. */
  readonly source: string
  readonly kind: ReportedRisk["kind"]
  readonly name: string
  readonly level: number
  readonly at: number
  readonly half_life: number
  /**
   * Milliseconds since the epoch: later, the risk has decayed, and no earlier event can arrive that it would outweigh.
   */
  readonly last: number
}

interface WrittenRow extends Record<string, SqlStorageValue> {
  readonly text: string
  /** Null if there is none. */
  readonly until: number | null
}
/** As `writeRisk` and `lastOf` define it. */
const WRITTEN = `
  SELECT json_group_array(json_array(kind, name, level, at, half_life)) AS text, min(gone) AS until FROM
    (SELECT *, at + ceil(log2(level) * half_life * 1000) AS gone FROM risks WHERE level > 0)
  WHERE gone >= ?`

const signalOf = ({ level, at, half_life: halfLife }: RiskRow): Signal => ({ level, at, halfLife })

function listedOf(row: RiskRow): ListedRisk {
  const written = writeRisk(row.kind, row.name, signalOf(row))
  return row.source === "" ? written : [...written, row.source]
}

interface StoredRisk extends Pick<RiskRow, "source" | "kind" | "name"> {
  readonly signal: Signal
  /** Milliseconds since the epoch, until when it is stored at least. */
  readonly least: number
}

/** Further room that is made for a stream, which may report again and again: finding what to delete takes a while. */
const EXTRA_ROOM = 100

/** All events of a stream count as one source. */
function reporterOf({ source }: Pick<RiskRow, "source">): string {
  return source === "" ? "" : sourceOf(source.split("|", 1)[0] ?? "", "")
}

/**
 * The rows to delete, each the lowest risk of the source with the most rows by then; of equal sources, the reporting
 * one.
 */
function rowsToDelete(
  rows: readonly RiskRow[],
  excess: number,
  { reporter, added }: { readonly reporter: string; readonly added: number },
  now: number,
): readonly RiskRow[] {
  const highestFirst = rows
    .map((row) => ({ row, left: riskAt(signalOf(row), now) }))
    .toSorted((a, b) => b.left - a.left || b.row.at - a.row.at)
  const ofReporters = new Map<string, RiskRow[]>([[reporter, []]])
  for (const { row } of highestFirst) {
    const name = reporterOf(row)
    if (!ofReporters.get(name)?.push(row)) ofReporters.set(name, [row])
  }
  const reporters = [...ofReporters].map(([name, own]) => ({ own, more: name === reporter ? added : 0 }))
  return Array.from({ length: excess }, () => {
    const filled = reporters.filter(({ own }) => own.length > 0)
    const most = Math.max(...filled.map(({ own, more }) => own.length + more))
    return filled.find(({ own, more }) => own.length + more === most)?.own.pop()
  }).filter((row) => row !== undefined)
}

export class RiskStorage {
  readonly #sql: SqlStorage
  /** Text of the risks in a lease, valid until one of them has decayed: it is read every second, and rarely changes. */
  #written: { readonly text: string; readonly until: number } | null = null

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS risks (source TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        level INTEGER NOT NULL, at INTEGER NOT NULL, half_life INTEGER NOT NULL, last INTEGER NOT NULL,
        PRIMARY KEY (source, kind, name)) WITHOUT ROWID`)
  }

  /** JSON, as a lease contains it. */
  leased(now: number): string {
    if (!this.#written || now > this.#written.until) {
      this.#dropRunOut(now)
      // The database writes the text: one row for each would take ten times as long, with thousands of them.
      const { text, until } = this.#sql.exec<WrittenRow>(WRITTEN, now).one()
      this.#written = { text, until: until ?? Number.POSITIVE_INFINITY }
    }
    return this.#written.text
  }

  listed(now: number): readonly ListedRisk[] {
    return this.#rows(now).map(listedOf)
  }

  #rows(now: number): RiskRow[] {
    this.#dropRunOut(now)
    return this.#sql
      .exec<RiskRow>("SELECT * FROM risks ORDER BY kind, name, source")
      .toArray()
      .filter((row) => riskAt(signalOf(row), now) > 0)
  }

  #dropRunOut(now: number): void {
    this.#sql.exec("DELETE FROM risks WHERE last < ?", now)
  }

  /** An operator's report, which replaces earlier ones of operators. */
  rate(kind: ReportedRisk["kind"], name: string, signal: Signal | null, now: number): void {
    this.#forget("", kind, name)
    if (signal) {
      this.#makeRoom(1, "", now)
      this.#keep({ source: "", kind, name, signal, least: 0 })
    }
    this.#written = null
  }

  /** An operator withdraws what a stream has reported. */
  forget(stream: string, kind: ReportedRisk["kind"], name: string): void {
    const prefix = sourceOf(stream, "")
    this.#sql.exec(
      "DELETE FROM risks WHERE substr(source, 1, length(?)) = ? AND kind = ? AND name = ?",
      prefix,
      prefix,
      kind,
      name,
    )
    this.#written = null
  }

  /** Stores what a stream has reported, unless something later outweighs it. */
  take(changes: readonly RiskChange[], { stream, until }: Pick<SignalReport, "stream" | "until">, now: number): void {
    const rows = changes.map((change): StoredRisk => ({
      ...riskOf(change),
      source: sourceOf(stream, change.event),
      least: until,
    }))
    // Before any of it is stored: the risks of one token replace others, never the rest of that token's.
    const added = new Set(
      rows.filter((one) => !this.#stored(one)).map(({ source, kind, name }) => JSON.stringify([source, kind, name])),
    )
    this.#makeRoom(added.size, sourceOf(stream, ""), now)
    for (const one of rows) {
      const row = this.#stored(one)
      const { level: weight, at } = one.signal
      if (outweighs(row && { at: row.at, weight: row.level }, { at, weight })) this.#keep(one)
    }
    this.#written = null
  }

  #stored({ source, kind, name }: StoredRisk): RiskRow | undefined {
    const [row] = this.#sql.exec<RiskRow>(
      "SELECT * FROM risks WHERE source = ? AND kind = ? AND name = ?",
      source,
      kind,
      name,
    )
    return row
  }

  #keep({ source, kind, name, signal, least }: StoredRisk): void {
    const { level, at, halfLife } = signal
    const row = [source, kind, name, level, at, halfLife, Math.max(lastOf(signal), least)]
    this.#sql.exec("INSERT OR REPLACE INTO risks VALUES (?, ?, ?, ?, ?, ?, ?)", ...row)
  }

  #forget(source: string, kind: ReportedRisk["kind"], name: string): void {
    this.#sql.exec("DELETE FROM risks WHERE source = ? AND kind = ? AND name = ?", source, kind, name)
  }

  /**
   * The risks about to be reported are never deleted, because they are promised to be in force. Of the source with the
   * most rows, the lowest goes, and of those the oldest: no source displaces those of others by reporting a lot.
   */
  #makeRoom(added: number, reporter: string, now: number): void {
    this.#dropRunOut(now)
    const { count } = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM risks").one()
    const excess = count + added - MAX_RISKS
    if (added === 0 || excess <= 0) return
    const rows = this.#sql.exec<RiskRow>("SELECT * FROM risks").toArray()
    for (const { source, kind, name } of rowsToDelete(
      rows,
      excess + (reporter === "" ? 0 : EXTRA_ROOM),
      { reporter, added },
      now,
    ))
      this.#forget(source, kind, name)
  }
}
