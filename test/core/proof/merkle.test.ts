/** The tree of RFC 9162, against its recursive definition and the vectors of Certificate Transparency. */
import { sha256 } from "@noble/hashes/sha2.js"
import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js"
import { describe, expect, test } from "vitest"
import {
  consistencyPath,
  EMPTY_ROOT,
  entryHash,
  inclusionPath,
  isConsistent,
  nodeHash,
  rootByInclusion,
  rootOf,
  type Hash,
  type NodeReader,
} from "../../../src/core/proof/merkle.ts"

const MOST = 40
const entries = Array.from({ length: MOST }, (_, index) => Uint8Array.of(index, index >> 3, 7))

/** MTH of section 2.1.1, word for word. */
function defined(all: readonly Uint8Array[]): Uint8Array {
  if (all.length === 0) return sha256(new Uint8Array())
  const [only] = all
  if (all.length === 1 && only) return sha256(concatBytes(Uint8Array.of(0), only))
  const middle = 2 ** (Math.ceil(Math.log2(all.length)) - 1)
  return sha256(concatBytes(Uint8Array.of(1), defined(all.slice(0, middle)), defined(all.slice(middle))))
}

/** PATH of section 2.1.3.1. */
function definedPath(index: number, all: readonly Uint8Array[]): readonly Uint8Array[] {
  if (all.length === 1) return []
  const middle = 2 ** (Math.ceil(Math.log2(all.length)) - 1)
  return index < middle
    ? [...definedPath(index, all.slice(0, middle)), defined(all.slice(middle))]
    : [...definedPath(index - middle, all.slice(middle)), defined(all.slice(0, middle))]
}

/** SUBPROOF of section 2.1.4.1. */
function definedSubproof(before: number, all: readonly Uint8Array[], isWhole: boolean): readonly Uint8Array[] {
  if (before === all.length) return isWhole ? [] : [defined(all)]
  const middle = 2 ** (Math.ceil(Math.log2(all.length)) - 1)
  return before <= middle
    ? [...definedSubproof(before, all.slice(0, middle), isWhole), defined(all.slice(middle))]
    : [...definedSubproof(before - middle, all.slice(middle), false), defined(all.slice(0, middle))]
}

const nodes = new Map<string, Hash>()
/** Full subtrees alone: another one is an error of the caller. */
const nodeAt: NodeReader = (level, index) => {
  const known = nodes.get(`${level}/${index}`)
  if (known) return known
  const size = 2 ** level
  const all = entries.slice(index * size, (index + 1) * size)
  if (all.length !== size) throw new Error(`no full subtree ${level}/${index}`)
  const node = defined(all)
  nodes.set(`${level}/${index}`, node)
  return node
}

const sizes = Array.from({ length: MOST }, (_, index) => index + 1)
const hex = (hashes: readonly Hash[]): readonly string[] => hashes.map((hash) => bytesToHex(hash))

describe("the root", () => {
  test("is that of the definition", () => {
    for (const size of [0, ...sizes])
      expect(hex([rootOf(size, nodeAt)])).toEqual(hex([defined(entries.slice(0, size))]))
  })

  // From the tests of Google's Certificate Transparency.
  test("is that which other implementations compute", () => {
    const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    const hashes = inputs.map((input) => entryHash(hexToBytes(input)))
    const of = (begin: number, end: number): Hash => {
      const [only] = hashes.slice(begin, end)
      if (end - begin === 1 && only) return only
      return nodeHash(of(begin, (begin + end) / 2), of((begin + end) / 2, end))
    }
    const root = (size: number): string =>
      bytesToHex(rootOf(size, (level, index) => of(index * 2 ** level, (index + 1) * 2 ** level)))
    expect(bytesToHex(EMPTY_ROOT)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    expect(root(1)).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
    expect(root(8)).toBe("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
  })
})

describe("an inclusion path", () => {
  test("is that of the definition, and leads to the root", () => {
    for (const size of sizes) {
      const root = bytesToHex(rootOf(size, nodeAt))
      for (let index = 0; index < size; index++) {
        const path = inclusionPath(index, size, nodeAt)
        expect(hex(path)).toEqual(hex(definedPath(index, entries.slice(0, size))))
        const reached = rootByInclusion(index, size, nodeAt(0, index), path)
        expect(reached && bytesToHex(reached)).toBe(root)
      }
    }
  })

  test("leads nowhere else: from another place, with a hash too few, too many, or changed", () => {
    for (const size of sizes.slice(1, 24)) {
      const root = bytesToHex(rootOf(size, nodeAt))
      for (let index = 0; index < size; index++) {
        const [entry, path] = [nodeAt(0, index), inclusionPath(index, size, nodeAt)]
        const reach = (place: number, of: number, by: readonly Hash[]): string => {
          const reached = rootByInclusion(place, of, entry, by)
          return reached ? bytesToHex(reached) : "none"
        }
        for (const other of [index - 1, index + 1]) expect(reach(other, size, path)).not.toBe(root)
        expect(reach(index, size, path.slice(1))).not.toBe(root)
        expect(reach(index, size, path.slice(0, -1))).not.toBe(root)
        expect(reach(index, size, [...path, entry])).toBe("none")
        expect(reach(index, size, path.with(0, entry))).not.toBe(root)
      }
    }
  })

  test.each([-1, 0.5, 3, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    "of place %d in a tree of 3 is none",
    (index) => {
      expect(rootByInclusion(index, 3, nodeAt(0, 0), inclusionPath(0, 3, nodeAt))).toBeNull()
    },
  )
})

describe("a consistency path", () => {
  test("is that of the definition, and shows that the log has only grown", () => {
    for (const size of sizes)
      for (let before = 1; before <= size; before++) {
        const path = consistencyPath(before, size, nodeAt)
        expect(hex(path)).toEqual(hex(definedSubproof(before, entries.slice(0, size), true)))
        const [one, other] = [
          { size: before, root: rootOf(before, nodeAt) },
          { size, root: rootOf(size, nodeAt) },
        ]
        expect(isConsistent(one, other, path)).toBe(true)
      }
  })

  test("shows nothing else: with other roots, other sizes, a hash too few, too many, or changed", () => {
    const foreign = sha256(Uint8Array.of(1, 2, 3))
    for (const size of sizes.slice(0, 24))
      for (let before = 1; before < size; before++) {
        const path = consistencyPath(before, size, nodeAt)
        const [one, other] = [
          { size: before, root: rootOf(before, nodeAt) },
          { size, root: rootOf(size, nodeAt) },
        ]
        expect(isConsistent({ ...one, root: foreign }, other, path)).toBe(false)
        expect(isConsistent(one, { ...other, root: foreign }, path)).toBe(false)
        expect(isConsistent(one, other, path.slice(1))).toBe(false)
        expect(isConsistent(one, other, path.slice(0, -1))).toBe(false)
        expect(isConsistent(one, other, [...path, foreign])).toBe(false)
        for (const place of path.keys()) expect(isConsistent(one, other, path.with(place, foreign))).toBe(false)
      }
  })

  test.each([
    [0, 3],
    [4, 3],
    [-1, 3],
    [1.5, 3],
    [Number.NaN, 3],
  ])("from %d to %d is none", (before, size) => {
    const root = rootOf(3, nodeAt)
    for (const path of [[], [root]]) expect(isConsistent({ size: before, root }, { size, root }, path)).toBe(false)
  })
})
