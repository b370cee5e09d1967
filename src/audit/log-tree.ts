/**
 * The Merkle tree of a log, as it is stored. A segment has the hashes of its own entries, and the roots of the full
 * subtrees that its end leaves (`frontier`), so that the next one goes on from there. Above every 256 entries, hashes
 * stand in tiles of 256 (the shape of c2sp.org/tlog-tiles), which stay when the records go.
 */
import { concatBytes } from "@noble/hashes/utils.js"
import { EMPTY_ROOT, HASH_LENGTH, nodeHash, type Hash, type NodeReader } from "../core/proof/merkle.ts"

/** A tile has 2^8 hashes. */
const TILE_LEVELS = 8
export const TILE = 256

/** What a tree has become by some more entries. Nothing of it is stored yet. */
export interface TreeGrowth {
  readonly size: number
  readonly frontier: readonly Hash[]
  /** New hashes of tiles, in their order. */
  readonly nodes: readonly { readonly tileLevel: number; readonly index: number; readonly hash: Hash }[]
}

export const EMPTY_TREE: TreeGrowth = { size: 0, frontier: [], nodes: [] }

export function grown({ size, frontier }: TreeGrowth, leaves: readonly Hash[]): TreeGrowth {
  const roots = [...frontier]
  const nodes: TreeGrowth["nodes"][number][] = []
  for (const [at, leaf] of leaves.entries()) {
    let [hash, index, level] = [leaf, size + at, 0]
    for (; index % 2 === 1; index = (index - 1) / 2) {
      hash = nodeHash(roots.pop() ?? EMPTY_ROOT, hash)
      level += 1
      if (level % TILE_LEVELS === 0) nodes.push({ tileLevel: level / TILE_LEVELS, index: (index - 1) / 2, hash })
    }
    roots.push(hash)
  }
  return { size: size + leaves.length, frontier: roots, nodes }
}

/** The smallest subtree is the last. */
export function rootOfGrowth({ frontier }: TreeGrowth): Hash {
  return (
    frontier.toReversed().reduce<Hash | null>((right, left) => (right ? nodeHash(left, right) : left), null) ??
    EMPTY_ROOT
  )
}

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
export function storeNodes(sql: SqlStorage, { nodes }: TreeGrowth): void {
  const tiles = Map.groupBy(nodes, ({ tileLevel, index }) => `${tileLevel} ${Math.floor(index / TILE)}`)
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

/**
 * For one proof: what it has read stays in memory.
 * @param leavesIn returns the hashes of entries from one position up to, and without, another
 */
export function nodeReader(sql: SqlStorage, leavesIn: (from: number, to: number) => readonly Hash[]): NodeReader {
  const read = new Map<string, readonly Hash[]>()
  const tile = (level: number, place: number): readonly Hash[] => {
    const key = `${level} ${place}`
    const hashes =
      read.get(key) ?? (level === 0 ? leavesIn(place * TILE, (place + 1) * TILE) : tileAt(sql, level, place))
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
