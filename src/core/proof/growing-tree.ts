/** A Merkle tree that only grows, by the roots of its full subtrees. */
import { EMPTY_ROOT, nodeHash, type Hash, type NodeReader } from "./merkle.ts"

/** What a tree has become by some more entries. */
export interface TreeGrowth {
  readonly size: number
  /** The largest subtree first. */
  readonly frontier: readonly Hash[]
}

export interface NewNode {
  readonly level: number
  readonly index: number
  readonly hash: Hash
}

export const EMPTY_TREE: TreeGrowth = { size: 0, frontier: [] }

/** @param onNode receives the root of each subtree of two entries or more that is full now */
export function grown(
  { size, frontier }: TreeGrowth,
  leaves: readonly Hash[],
  onNode?: (node: NewNode) => void,
): TreeGrowth {
  const roots = [...frontier]
  for (const [at, leaf] of leaves.entries()) {
    let [hash, index, level] = [leaf, size + at, 0]
    while (index % 2 === 1) {
      hash = nodeHash(roots.pop() ?? EMPTY_ROOT, hash)
      index = (index - 1) / 2
      level += 1
      onNode?.({ level, index, hash })
    }
    roots.push(hash)
  }
  return { size: size + leaves.length, frontier: roots }
}

export function rootOfGrowth({ frontier }: TreeGrowth): Hash {
  const [smallest, ...others] = frontier.toReversed()
  return others.reduce((right, left) => nodeHash(left, right), smallest ?? EMPTY_ROOT)
}

/** Of a tree that is stored. */
export function frontierOf(size: number, nodeAt: NodeReader): readonly Hash[] {
  const roots: Hash[] = []
  let begin = 0
  for (let level = 52; level >= 0; level--) {
    const width = 2 ** level
    if (size - begin < width) continue
    roots.push(nodeAt(level, begin / width))
    begin += width
  }
  return roots
}
