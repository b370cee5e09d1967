/**
 * The Merkle tree of a log, as it is stored. A segment has the hashes of its own entries, and the roots of the full
 * subtrees that its end leaves (`frontier`), so that the next one goes on from there. Above every 256 entries, hashes
 * stand in tiles of 256 (the shape of c2sp.org/tlog-tiles), which go once no record needs them for its proof.
 */
import { concatBytes } from "@noble/hashes/utils.js"
import { HASH_LENGTH, nodeHash, type Hash, type NodeReader } from "../core/proof/merkle.ts"
import type { NewNode } from "../core/proof/growing-tree.ts"

/** A tile has 2^8 hashes. */
const TILE_LEVELS = 8
const TILE = 256

/** The first position of the tile that has this one. */
export const tileOf = (position: number): number => Math.floor(position / TILE) * TILE

/** The nodes that tiles have. */
export const isOfTile = ({ level }: NewNode): boolean => level % TILE_LEVELS === 0

export const packed = (hashes: readonly Hash[]): Uint8Array => concatBytes(...hashes)

export function unpacked(bytes: ArrayBuffer | Uint8Array): readonly Hash[] {
  const all = new Uint8Array(bytes)
  return Array.from({ length: all.length / HASH_LENGTH }, (_, at) =>
    all.subarray(at * HASH_LENGTH, (at + 1) * HASH_LENGTH),
  )
}

export const TREE_SCHEMA =
  "CREATE TABLE IF NOT EXISTS tiles (level INTEGER, place INTEGER, hashes BLOB NOT NULL, PRIMARY KEY (level, place)) WITHOUT ROWID"

/** Within the transaction that stores the segment. */
export function storeNodes(sql: SqlStorage, nodes: readonly NewNode[]): void {
  const tiles = Map.groupBy(nodes, ({ level, index }) => `${level / TILE_LEVELS} ${Math.floor(index / TILE)}`)
  for (const [key, all] of tiles) {
    const [level = 0, place = 0] = key.split(" ").map(Number)
    const hashes = [...tileAt(sql, level, place), ...all.map(({ hash }) => hash)]
    sql.exec("INSERT OR REPLACE INTO tiles VALUES (?, ?, ?)", level, place, packed(hashes))
  }
}

function tileAt(sql: SqlStorage, level: number, place: number): readonly Hash[] {
  const query = "SELECT hashes FROM tiles WHERE level = ? AND place = ?"
  const [row] = sql.exec<{ hashes: ArrayBuffer }>(query, level, place)
  return row ? unpacked(row.hashes) : []
}

/** Of the segments with this position, or a later one. */
const SEGMENTS_SINCE = "first >= coalesce((SELECT max(first) FROM segments WHERE first <= ?1), 0)"

/** From one position up to, and without, another. Empty if not all of them are there. */
function leavesIn(sql: SqlStorage, from: number, to: number): readonly Hash[] {
  const query = `SELECT first, leaves FROM segments WHERE ${SEGMENTS_SINCE} AND first < ?2 AND leaves NOT NULL ORDER BY first`
  const rows = sql.exec<{ first: number; leaves: ArrayBuffer }>(query, from, to).toArray()
  const first = rows[0]?.first ?? to
  return first > from ? [] : rows.flatMap(({ leaves }) => unpacked(leaves)).slice(from - first, to - first)
}

/**
 * When the oldest record that is there is no longer the one at `before`, but the one at `oldest`. Proofs of those that
 * stay, exports from there on, and the root of the next checkpoint need the hashes of its whole tile on each level.
 */
export function dropNodes(sql: SqlStorage, before: number, oldest: number): void {
  const query = `UPDATE segments SET leaves = NULL WHERE ${SEGMENTS_SINCE} AND next <= ?2`
  sql.exec(query, tileOf(before), tileOf(oldest))
  for (
    let [level, positions] = [1, TILE * TILE];
    positions <= oldest;
    [level, positions] = [level + 1, positions * TILE]
  ) {
    const place = Math.floor(oldest / positions)
    if (place > Math.floor(before / positions))
      sql.exec("DELETE FROM tiles WHERE level = ? AND place < ?", level, place)
  }
}

/** For one proof: what it has read stays in memory. */
export function nodeReader(sql: SqlStorage): NodeReader {
  const read = new Map<string, readonly Hash[]>()
  const tile = (level: number, place: number): readonly Hash[] => {
    const key = `${level} ${place}`
    const hashes =
      read.get(key) ?? (level === 0 ? leavesIn(sql, place * TILE, (place + 1) * TILE) : tileAt(sql, level, place))
    read.set(key, hashes)
    return hashes
  }
  return (level, index) => {
    const tileLevel = Math.floor(level / TILE_LEVELS)
    const width = 2 ** (level % TILE_LEVELS)
    const from = index * width
    const hashes = tile(tileLevel, Math.floor(from / TILE)).slice(from % TILE, (from % TILE) + width)
    if (hashes.length !== width) throw new Error("the log has no hashes of these entries any more")
    return subtree(hashes, level % TILE_LEVELS, 0)
  }
}

/** @param hashes of a level that is so many levels below the subtree's root */
function subtree(hashes: readonly Hash[], levels: number, index: number): Hash {
  const hash = hashes[index]
  if (levels > 0) return nodeHash(subtree(hashes, levels - 1, index * 2), subtree(hashes, levels - 1, index * 2 + 1))
  if (!hash) throw new Error("the log has no hash of this entry")
  return hash
}
