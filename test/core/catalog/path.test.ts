import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { readTarget } from "../../../src/core/catalog/path.ts"

const SEED = { seed: 20261125, numRuns: 1_000 }
const anyChar = fc.oneof(
  fc.constantFrom(
    "/",
    "/",
    ".",
    "%",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "%00",
    "%25",
    ";",
    "\\",
    "?",
    "#",
    "&",
    "=",
    "+",
    " ",
    "é",
  ),
  fc.constantFrom("a", "b", "0", "~", "-", "%41", "%20", "%c3%a9", "%ff"),
)
const targets = fc.array(anyChar, { maxLength: 14 }).map((parts) => `/${parts.join("")}`)

describe("one reading of a target, or none", () => {
  test("of 8,192 characters at most", () => {
    for (const start of ["/", "/a?b=", "/%41"]) {
      expect(readTarget(start.padEnd(8_192, "a"))).toHaveProperty("path")
      expect(readTarget(start.padEnd(8_193, "a"))).toHaveProperty("denied.reason", "target_ambiguous")
    }
  })

  test("what is taken, a URL parser reads the same: no dot segments, no empty ones, nothing decoded twice", () => {
    let taken = 0
    fc.assert(
      fc.property(targets, (target) => {
        const read = readTarget(target)
        if ("denied" in read) return
        taken += 1
        const url = new URL(`http://gateway.test${target}`)
        expect(url.pathname).toBe(read.path)
        expect(url.hash).toBe("")
        expect(
          read.path
            .slice(1)
            .split("/")
            .map((segment) => decodeURIComponent(segment)),
        ).toEqual(read.segments)
        expect(read.segments.slice(0, -1)).not.toContain("")
        for (const segment of read.segments) expect(segment).not.toMatch(/^\.{1,2}$|[/\\%\0]/)
        expect([...url.searchParams].filter(([name, value]) => name + value !== "")).toEqual(
          read.query.map(([name, value]) => [name, value ?? ""]).filter(([name, value]) => `${name}${value}` !== ""),
        )
      }),
      SEED,
    )
    expect(taken).toBeGreaterThan(100)
  })

  test("decoding what was decoded changes nothing: an upstream that decodes once more goes no further", () => {
    fc.assert(
      fc.property(targets, (target) => {
        const read = readTarget(target)
        if ("denied" in read) return
        for (const segment of read.segments) expect(decodeURIComponent(segment)).toBe(segment)
      }),
      SEED,
    )
  })

  test("the short way of a plain path ends where the long one does", () => {
    const plainer = fc.array(fc.constantFrom("/", "/", ".", "a", "B", "0", "_", "~", "-", "é", "%41", "\n", ";"), {
      minLength: 1,
      maxLength: 10,
    })
    const longest = `/${"a".repeat(8_189)}`
    let taken = 0
    fc.assert(
      fc.property(
        fc.oneof({ weight: 9, arbitrary: plainer.map((parts) => `/${parts.join("")}`) }, fc.constant(longest)),
        (target) => {
          // With a query, if an empty one, a path is no plain one.
          const long = readTarget(`${target}?`)
          expect(readTarget(target)).toEqual(long)
          if (!("denied" in long)) taken += 1
        },
      ),
      SEED,
    )
    expect(taken).toBeGreaterThan(100)
  })
})
