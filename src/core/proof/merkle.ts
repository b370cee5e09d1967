/**
 * The Merkle tree of a log: one hash stands for all entries and their order, and a short path shows that an entry is in
 * it, or that a log has only grown. Source: RFC 9162, section 2.1, with SHA-256.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import type { HashText } from "../encoding/hash.ts"

/** 32 bytes. */
export type Hash = Uint8Array

export const HASH_LENGTH = 32

const ENTRY = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

export function entryHash(entry: Uint8Array): Hash {
  return sha256.create().update(ENTRY).update(entry).digest()
}

/** Of an entry that is a text. */
export function entryTextHash(entry: string, hash: HashText): Hash {
  return hash(`\0${entry}`)
}

/** Not by the platform's `crypto.subtle`, whose promise costs more than the hash of two hashes. */
export function nodeHash(left: Hash, right: Hash): Hash {
  return sha256.create().update(NODE).update(left).update(right).digest()
}

/** Of the tree without entries. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array())

/** @returns the hash of the full subtree of 2^level entries that begins at entry `index * 2^level` */
export type NodeReader = (level: number, index: number) => Hash

/** The largest power of two below a size of at least 2. Arithmetic, because an index may have more than 32 bits. */
function leftSize(size: number): number {
  let left = 1
  while (left * 2 < size) left *= 2
  return left
}

/** Exact, where a logarithm of a large size would be rounded. */
const isPower = (size: number): boolean => size === 1 || leftSize(size) * 2 === size

/** Of the entries from `begin` up to, and without, `end`; `begin` is where the tree splits. */
function subtreeRoot(begin: number, end: number, nodeAt: NodeReader): Hash {
  const size = end - begin
  if (isPower(size)) return nodeAt(Math.log2(size), begin / size)
  const middle = begin + leftSize(size)
  return nodeHash(subtreeRoot(begin, middle, nodeAt), subtreeRoot(middle, end, nodeAt))
}

export function rootOf(size: number, nodeAt: NodeReader): Hash {
  return size === 0 ? EMPTY_ROOT : subtreeRoot(0, size, nodeAt)
}

/** The path from an entry to the root of the tree with `size` entries (RFC 9162, section 2.1.3.1). */
export function inclusionPath(index: number, size: number, nodeAt: NodeReader): readonly Hash[] {
  const path: Hash[] = []
  let [begin, end] = [0, size]
  while (end - begin > 1) {
    const middle = begin + leftSize(end - begin)
    const isLeft = index < middle
    path.unshift(isLeft ? subtreeRoot(middle, end, nodeAt) : subtreeRoot(begin, middle, nodeAt))
    if (isLeft) end = middle
    else begin = middle
  }
  return path
}

/** That the tree with `size` entries begins with that of `before` entries (RFC 9162, section 2.1.4.1). */
export function consistencyPath(before: number, size: number, nodeAt: NodeReader): readonly Hash[] {
  const path: Hash[] = []
  let [begin, end, isRoot] = [0, size, true]
  while (before < end) {
    const middle = begin + leftSize(end - begin)
    if (before <= middle) {
      path.unshift(subtreeRoot(middle, end, nodeAt))
      end = middle
    } else {
      path.unshift(subtreeRoot(begin, middle, nodeAt))
      begin = middle
      isRoot = false
    }
  }
  if (!isRoot) path.unshift(subtreeRoot(begin, end, nodeAt))
  return path
}

/**
 * The root that an inclusion path leads to (RFC 9162, section 2.1.3.2).
 * @returns null if the path has another length than that of this entry in a tree of this size
 */
export function rootByInclusion(index: number, size: number, entry: Hash, path: readonly Hash[]): Hash | null {
  if (!isPlace(index, size)) return null
  let [place, last, hash] = [index, size - 1, entry]
  for (const other of path) {
    if (last === 0) return null
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(other, hash)
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)]
    } else hash = nodeHash(hash, other)
    ;[place, last] = [half(place), half(last)]
  }
  return last === 0 ? hash : null
}

/**
 * Whether a log has only grown between two roots (RFC 9162, section 2.1.4.2).
 * @param before size of the first, at least 1
 */
export function isConsistent(
  before: { readonly size: number; readonly root: Hash },
  after: { readonly size: number; readonly root: Hash },
  path: readonly Hash[],
): boolean {
  if (!isPlace(before.size - 1, after.size)) return false
  if (before.size === after.size) return path.length === 0 && isSame(before.root, after.root)
  const [first, ...rest] = isPower(before.size) ? [before.root, ...path] : path
  if (!first || path.length === 0) return false
  let [place, last] = [before.size - 1, after.size - 1]
  while (place % 2 === 1) [place, last] = [half(place), half(last)]
  let [old, now] = [first, first]
  for (const other of rest) {
    if (last === 0) return false
    if (place % 2 === 1 || place === last) {
      old = nodeHash(other, old)
      now = nodeHash(other, now)
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)]
    } else now = nodeHash(now, other)
    ;[place, last] = [half(place), half(last)]
  }
  return last === 0 && isSame(old, before.root) && isSame(now, after.root)
}

const half = (number: number): number => Math.floor(number / 2)

const isPlace = (index: number, size: number): boolean =>
  Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size

/** Hashes are public, so the comparison may take its time. */
export function isSame(one: Hash, other: Hash): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index])
}
