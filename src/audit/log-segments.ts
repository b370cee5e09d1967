/**
 * The records of a log, in their order. A batch is stored as it came, in one row. Sealing gives its records their
 * positions: a segment is one row beside the batches that it covers, with the salts and hashes of their records. Calls
 * are many, so that nothing is done for a record when it arrives, and one row seals the records of a minute.
 */
import { EMPTY_ROOT, type Hash, type NodeReader } from "../core/proof/merkle.ts"
import { leafOfRecord } from "../core/proof/leaf.ts"
import type { HashText } from "../core/encoding/hash.ts"
import { textsOf, type PartialRecord } from "../core/record/record.ts"
import { logEvent } from "../platform/log.ts"
import type { LoggedRecord } from "./log-page.ts"
import { newSalts, saltTexts } from "./salts.ts"
import { ageAt, SealedIds } from "./sealed-ids.ts"
import { EMPTY_TREE, frontierOf, grown, type NewNode, type TreeGrowth } from "../core/proof/growing-tree.ts"
import { dropNodes, isOfTile, nodeReader, packed, storeNodes, unpacked, TREE_SCHEMA } from "./log-tree.ts"

/** Of one segment, unless a single batch has more: sealing so many takes a few milliseconds. */
const MAX_RECORDS = 500
const MAX_BYTES = 1_000_000
const COLUMNS = "first, next, low, high, sealed_at, total, age"

/**
 * Of batches from `low` to `high`. `skipped`: positions, among their records, of those that the log had already, or
 * cannot know. `total`: characters of all records so far. `age`: the log's own time. `lowest`, `highest`, `tails`: ids of
 * its records (sealed-ids.ts). A segment whose records were dropped has no salts, and no leaves once the tree no longer
 * needs them; its row goes once nobody sends its records again.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS batches (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS segments (first INTEGER PRIMARY KEY, next INTEGER NOT NULL, low INTEGER NOT NULL,
  high INTEGER NOT NULL, sealed_at INTEGER NOT NULL, total INTEGER NOT NULL, age INTEGER NOT NULL, lowest TEXT NOT NULL,
  highest TEXT NOT NULL, skipped TEXT NOT NULL, frontier BLOB NOT NULL, tails BLOB NOT NULL, salts BLOB, leaves BLOB);
CREATE INDEX IF NOT EXISTS stored_segments ON segments (first) WHERE salts NOT NULL;
${TREE_SCHEMA}`

type Within = (records: readonly PartialRecord[]) => void

interface WaitingRow extends Record<string, SqlStorageValue> {
  readonly id: number
  readonly count: number
  readonly bytes: number
}

interface BatchRow extends Record<string, SqlStorageValue> {
  readonly id: number
  readonly count: number
  readonly body: string
}

interface SegmentRow extends Record<string, SqlStorageValue> {
  readonly first: number
  readonly next: number
  readonly low: number
  readonly high: number
  readonly sealed_at: number
  readonly total: number
  readonly age: number
}

interface SegmentBody extends SegmentRow {
  readonly skipped: string
  readonly salts: ArrayBuffer
  readonly leaves: ArrayBuffer
}

/** The records of one segment. */
export interface Segment {
  readonly first: number
  readonly next: number
  readonly records: readonly LoggedRecord[]
}

export class Segments {
  readonly #storage: DurableObjectStorage
  readonly #ids: SealedIds
  #tree: TreeGrowth = EMPTY_TREE
  /** Of the last segment. */
  #last: SegmentRow | null = null
  /** The first segment that has its records. */
  #oldest: SegmentRow | null = null
  #unsealed: number
  /** Id of the batch that came last. */
  #newest: number

  constructor(storage: DurableObjectStorage) {
    const { sql } = storage
    this.#storage = storage
    sql.exec(SCHEMA)
    this.#ids = new SealedIds(sql)
    const query = `SELECT ${COLUMNS}, frontier FROM segments ORDER BY first DESC LIMIT 1`
    const [last] = sql.exec<SegmentRow & { frontier: ArrayBuffer }>(query)
    if (last) {
      this.#last = last
      this.#tree = { size: last.next, frontier: unpacked(last.frontier) }
    }
    this.#oldest = this.#oldestStored()
    const high = last?.high ?? 0
    const waiting = "SELECT total(count) AS sum, max(id) AS newest FROM batches WHERE id > ?"
    const { sum, newest } = sql.exec<{ sum: number; newest: number | null }>(waiting, high).one()
    this.#unsealed = sum
    this.#newest = newest ?? high
  }

  #oldestStored(): SegmentRow | null {
    const query = `SELECT ${COLUMNS} FROM segments WHERE salts NOT NULL ORDER BY first LIMIT 1`
    return this.#storage.sql.exec<SegmentRow>(query).toArray()[0] ?? null
  }

  get tree(): TreeGrowth {
    return this.#tree
  }

  /** Records that have a position. */
  get end(): number {
    return this.#tree.size
  }

  /** Records that wait for one. */
  get unsealed(): number {
    return this.#unsealed
  }

  /** The oldest position whose record is there. */
  get oldest(): number {
    return this.#oldest?.first ?? this.end
  }

  /** Where the oldest segment ends. Null if no records are there. */
  get oldestEnd(): number | null {
    return this.#oldest?.next ?? null
  }

  /** Milliseconds since the epoch. Null if nothing is sealed. */
  get sealedAt(): number | null {
    return this.#last?.sealed_at ?? null
  }

  /** Characters of the sealed records that are there. */
  get size(): number {
    return (this.#last?.total ?? 0) - (this.#oldest ? this.#totalBefore(this.#oldest.first) : 0)
  }

  #totalBefore(first: number): number {
    const query = "SELECT total FROM segments WHERE first < ? ORDER BY first DESC LIMIT 1"
    return this.#storage.sql.exec<{ total: number }>(query, first).toArray()[0]?.total ?? 0
  }

  /** 0 if no batch has come. */
  get newest(): number {
    return this.#newest
  }

  append(count: number, batch: string): void {
    // An id that SQLite chose could be one that was there before.
    this.#storage.sql.exec("INSERT INTO batches VALUES (?, ?, ?)", this.#newest + 1, count, batch)
    this.#newest += 1
    this.#unsealed += count
  }

  /** Of the batches that wait, the oldest go, as many as are necessary: they may be smaller than the one that came. */
  dropUnsealed(most: number): void {
    const { sql } = this.#storage
    while (this.#unsealed > most) {
      const [oldest] = this.#waiting(1)
      if (!oldest) break
      sql.exec("DELETE FROM batches WHERE id = ?", oldest.id)
      this.#unsealed -= oldest.count
    }
  }

  #waiting(limit: number): readonly WaitingRow[] {
    const query = "SELECT id, count, octet_length(body) AS bytes FROM batches WHERE id > ? ORDER BY id LIMIT ?"
    return this.#storage.sql.exec<WaitingRow>(query, this.#last?.high ?? 0, limit).toArray()
  }

  /**
   * Gives the oldest records that wait their positions, in one transaction.
   * @param upTo id of a batch; later ones may come for ever
   * @param within runs in the transaction once they have them
   * @returns false if none waits
   */
  seal(now: number, upTo: number, hash: HashText, within: Within): boolean {
    let [count, bytes] = [0, 0]
    const batches = this.#waiting(MAX_RECORDS).filter((batch, at) => {
      count += batch.count
      bytes += batch.bytes
      return batch.id <= upTo && (at === 0 || (count <= MAX_RECORDS && bytes <= MAX_BYTES))
    })
    if (batches.length === 0) return false
    const [low, high] = [batches[0]?.id ?? 0, batches.at(-1)?.id ?? 0]
    const forgotten = this.#storage.transactionSync(() => this.#sealBatches(low, high, now, hash, within))
    for (const id of forgotten) logEvent("record_dropped", { id, reason: "too_old" })
    this.#unsealed -= batches.reduce((sum, batch) => sum + batch.count, 0)
    return true
  }

  /** @returns ids of records that get no position, because it is unknown whether they have one */
  #sealBatches(low: number, high: number, now: number, hash: HashText, within: Within): readonly string[] {
    const { sql } = this.#storage
    const all = this.#textsOf(low, high).map((body) => {
      const record: PartialRecord & Record<string, unknown> = JSON.parse(body)
      return { record, characters: body.length }
    })
    const ids = all.map(({ record }) => record.id)
    const arrivals = this.#ids.arrivals(ids, now)
    const added = all.filter((_, at) => arrivals[at] === "new")
    const forgotten = ids.filter((_, at) => arrivals[at] === "forgotten")
    if (added.length === 0) {
      sql.exec("DELETE FROM batches WHERE id BETWEEN ? AND ?", low, high)
      return forgotten
    }
    const records = added.map(({ record }) => record)
    const salts = newSalts(added.length)
    const texts = saltTexts(salts)
    const leaves = records.map((record, at) => leafOfRecord(record, texts[at] ?? null, hash))
    const nodes: NewNode[] = []
    const tree = grown(this.#tree, leaves, (node) => isOfTile(node) && nodes.push(node))
    const [first, next] = [this.#tree.size, tree.size]
    const sealed_at = Math.max(now, this.#last?.sealed_at ?? 0)
    const total = added.reduce((sum, { characters }) => sum + characters, this.#last?.total ?? 0)
    const skipped = JSON.stringify(arrivals.flatMap((arrival, at) => (arrival === "new" ? [] : [at])))
    const segment = { first, next, low, high, sealed_at, total, age: ageAt(sealed_at, this.#last) }
    const own = this.#ids.rowOf(records.map(({ id }) => id))
    sql.exec(
      "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ...Object.values(segment),
      own.lowest,
      own.highest,
      skipped,
      packed(tree.frontier),
      own.tails,
      salts,
      packed(leaves),
    )
    storeNodes(sql, nodes)
    within(records)
    // Last: whatever fails before leaves memory as storage is.
    this.#ids.add(first, own)
    this.#tree = tree
    this.#last = segment
    this.#oldest ??= segment
    return forgotten
  }

  #textsOf(low: number, high: number): readonly string[] {
    const query = "SELECT id, count, body FROM batches WHERE id BETWEEN ? AND ? ORDER BY id"
    const batches = this.#storage.sql.exec<BatchRow>(query, low, high).toArray()
    return batches.flatMap(({ body, count }) => textsOf(body, count))
  }

  /** The segment with this position. Null if there is none, or its records are gone. */
  segmentAt(position: number): Segment | null {
    const { sql } = this.#storage
    const query = `SELECT ${COLUMNS}, skipped, salts, leaves FROM segments WHERE first <= ? ORDER BY first DESC LIMIT 1`
    const [row] = sql.exec<SegmentBody>(query, position)
    if (!row || position >= row.next || row.first < this.oldest) return null
    const skipped = new Set<number>(JSON.parse(row.skipped))
    const bodies = this.#textsOf(row.low, row.high).filter((_, at) => !skipped.has(at))
    const salts = saltTexts(new Uint8Array(row.salts))
    const leaves = unpacked(row.leaves)
    const records = bodies.map((body, at) => ({
      index: row.first + at,
      leaf: (leaves[at] ?? EMPTY_ROOT).toBase64(),
      salt: salts[at] ?? null,
      body,
    }))
    return { first: row.first, next: row.next, records }
  }

  /** Base64url. Null if it is erased, or the record is gone. */
  saltOf(position: number): string | null {
    const segment = this.segmentAt(position)
    return segment?.records[position - segment.first]?.salt ?? null
  }

  /** The hashes of the tree, for one proof. */
  nodes(): NodeReader {
    return nodeReader(this.#storage.sql)
  }

  /** Roots of the full subtrees before a position. */
  frontierAt(position: number): readonly Hash[] {
    return frontierOf(position, this.nodes())
  }

  /** Drops the records of the oldest segment, and what no proof of those that stay needs of the tree; its ids stay. */
  dropOldest(): void {
    const [{ sql }, oldest] = [this.#storage, this.#oldest]
    if (!oldest) return
    sql.exec("DELETE FROM batches WHERE id BETWEEN ? AND ?", oldest.low, oldest.high)
    sql.exec("UPDATE segments SET salts = NULL WHERE first = ?", oldest.first)
    this.#oldest = this.#oldestStored()
    dropNodes(sql, oldest.first, this.oldest)
  }

  /** Of the oldest rows, those whose records are gone and are not sent again. */
  forget(): void {
    this.#ids.forget(this.oldest, this.#last?.age ?? 0)
  }
}
