import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Overlaps, type Reached } from "../../../cli/compiler/model/route-overlaps.ts"
import { isDenied } from "../../../src/core/denials/denial.ts"
import { matchResource } from "../../../src/core/catalog/resource-pattern.ts"
import { buildRouteTable, matchRoute, routeArguments } from "../../../src/core/catalog/route.ts"

/** Parameters whose names begin with `n` are integers. */
const at = (path: string, methods = ["GET"], origin = "https://a.example") => {
  const integers = Array.from(path.matchAll(/\{(n\w*)\}/gu), ([, name = ""]) => name)
  return { origin, methods, path, integers } satisfies Reached
}

function filed(...all: readonly Reached[]): Overlaps<string> {
  const overlaps = new Overlaps<string>()
  for (const each of all) overlaps.add(each, each.path)
  return overlaps
}

describe("of two routes", () => {
  it.each<[a: string, b: string, what: "clash" | "a within b" | "b within a" | "nothing"]>([
    ["/a/b", "/a/b", "clash"],
    ["/a/{x}", "/a/{y}", "clash"],
    ["/a/{x}", "/{y}/b", "clash"],
    ["/a/{x}/{y}", "/a/b/{z}", "b within a"],
    ["/a/b", "/{x}/{y}", "a within b"],
    ["/a/b", "/a/c", "nothing"],
    ["/a/{x}", "/b/{x}", "nothing"],
    ["/a/{x}", "/a", "nothing"],
    ["/", "/{x}", "a within b"],
    ["/a/{n}/labels", "/a/comments/{n}", "nothing"],
    ["/a/{n}/labels", "/a/comments/{x}", "nothing"],
    ["/a/{n}/{x}", "/a/comments/{x}", "nothing"],
    ["/a/{n}", "/a/b", "nothing"],
    ["/a/{n}", "/a/{x}", "clash"],
    ["/a/{n}", "/a/{n2}", "clash"],
    ["/a/{x}/labels", "/a/comments/{x}", "clash"],
    ["/a/{n}", "/{x}/b", "nothing"],
    ...["2", "007", "+7", "-7", "2fa", "1.5", "0x1f", ".5", "٣", "３", "%20 7"].map(
      (number): [string, string, "clash"] => ["/a/{n}/labels", `/a/${number}/{x}`, "clash"],
    ),
    ["/a/{+r}", "/a/{x}", "b within a"],
    ["/a/{+r}", "/a/b/c", "b within a"],
    ["/a/{+r}", "/{+s}", "a within b"],
    ["/a/{+r}", "/{x}/b", "clash"],
    ["/a/{+r}", "/{x}/{y}", "clash"],
    ["/{x}/{+r}", "/a/{+r}", "b within a"],
    ["/a/{+r}", "/a/{+s}", "clash"],
    ["/a/{x}/{+r}", "/a/{+s}", "a within b"],
    ["/a/b/{+r}", "/a/{x}", "nothing"],
    ["/a/{+r}", "/a", "nothing"],
    ["/a/{+r}", "/b/{+r}", "nothing"],
  ])("%s and %s: %s", (a, b, what) => {
    expect(filed(at(a)).clashing(at(b))).toEqual(what === "clash" ? [a] : [])
    expect(filed(at(b)).clashing(at(a))).toEqual(what === "clash" ? [b] : [])
    expect(filed(at(a)).around(at(b))).toEqual(what === "b within a" ? [a] : [])
    expect(filed(at(b)).around(at(a))).toEqual(what === "a within b" ? [b] : [])
  })

  it("nothing is alike at other origins or by other methods", () => {
    const one = filed(at("/a/{x}", ["GET", "PUT"]))
    expect(one.clashing(at("/a/{x}", ["POST"]))).toEqual([])
    expect(one.around(at("/a/b", ["POST"]))).toEqual([])
    expect(one.clashing(at("/a/{x}", ["PUT", "POST"]))).toEqual(["/a/{x}"])
    expect(one.clashing(at("/a/{x}", ["GET"], "https://b.example"))).toEqual([])
  })

  it("those that were added first come first", () => {
    const several = filed(at("/{a}/{b}"), at("/x/y"), at("/x/{b}"))
    expect(several.around(at("/x/y"))).toEqual(["/{a}/{b}", "/x/{b}"])
  })
})

it("what a route takes requests from is what they were taken for without it", () => {
  const segment = fc.constantFrom("a", "b", "{x}", "{y}")
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((all) => `/${all.join("/")}`)
  fc.assert(
    fc.property(fc.uniqueArray(path, { minLength: 2, maxLength: 8 }), ([fresh = "", ...written]) => {
      const overlaps = new Overlaps<string>()
      const kept = written.filter((each) => {
        if (overlaps.clashing(at(each)).length > 0) return false
        overlaps.add(at(each), each)
        return true
      })
      const table = (paths: readonly string[]) => buildRouteTable(paths.map((each) => ({ tool: each, ...at(each) })))
      if (overlaps.clashing(at(fresh)).length > 0) return
      const [before, after] = [table(kept), table([...kept, fresh])]
      const lost = new Set<string>()
      for (const segments of combinations(fresh.split("/").length - 1)) {
        const target = { path: `/${segments.join("/")}`, segments, query: [], parts: 0 }
        const [was, is] = [before, after].map((each) => matchRoute(each, "https://a.example", "GET", target))
        if (was && is && was.definition.tool !== is.definition.tool) lost.add(was.definition.tool)
      }
      // One that another stands before loses nothing: it had not been asked.
      expect([...lost].filter((each) => !overlaps.around(at(fresh)).includes(each))).toEqual([])
      if (overlaps.around(at(fresh)).length === 1) expect([...lost]).toEqual(overlaps.around(at(fresh)))
    }),
    { numRuns: 500 },
  )
})

it("a request is judged as a route only if no upstream could take it for another, except for a wider one", () => {
  const segment = fc.constantFrom("a", "b", "2fa", "5", "{x}", "{y}", "{n}", "{n2}")
  const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((all) => `/${all.join("/")}`)
  const sent = ["a", "b", "A", "2fa", "5", "7", "-7", "007", "+7", "7.0", "1e3", "٣", "99999999999999999", "zz"]
  const names = (route: string) => route.slice(1).split("/")
  const isParameter = (name = "") => name.startsWith("{")
  const seen = { judged: 0, denied: 0, told: 0 }
  fc.assert(
    fc.property(fc.uniqueArray(path, { minLength: 2, maxLength: 8 }), (paths) => {
      const overlaps = new Overlaps<string>()
      const kept = paths.filter((each) => {
        if (
          overlaps.clashing(at(each)).length > 0 ||
          new Set(each.match(/\{\w+/gu)).size < (each.match(/\{/gu) ?? []).length
        )
          return false
        overlaps.add(at(each), each)
        return true
      })
      const table = buildRouteTable(kept.map((each) => ({ tool: each, ...at(each) })))
      const judge = (segments: readonly string[]): string | null => {
        const target = { path: `/${segments.join("/")}`, segments, query: [], parts: 0 }
        const match = matchRoute(table, "https://a.example", "GET", target)
        if (!match || match.isAmbiguous) return null
        const args = routeArguments(match, target, { kind: "whole", text: "" }, { contentType: null })
        return isDenied(args) ? null : match.definition.tool
      }
      for (const route of kept) {
        const literals = names(route)
        // Each can be called at all.
        const plain = literals.map((name) => (name.startsWith("{n") ? "7" : isParameter(name) ? "zz" : name))
        expect(judge(plain), route).toBe(route)
        for (const replaced of literals.keys()) {
          for (const other of sent) {
            const segments = plain.with(replaced, other)
            const judged = judge(segments)
            if (judged === null) seen.denied += 1
            else seen.judged += 1
            if (judged === null) continue
            // An upstream may not check that integers are such before it has chosen.
            const fitting = kept.filter((one) => {
              const own = names(one)
              return (
                own.length === segments.length &&
                own.every((name, index) => isParameter(name) || name === segments[index])
              )
            })
            expect(fitting).toContain(judged)
            for (const one of fitting) {
              if (one === judged) continue
              seen.told += 1
              const [wide, narrow] = [names(one), names(judged)]
              expect(
                narrow.every((name, index) => !isParameter(name) || isParameter(wide[index])),
                `${segments.join("/")}: ${one}`,
              ).toBe(true)
            }
          }
        }
      }
    }),
    { seed: 20261203, numRuns: 2_000 },
  )
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(1_000)
})

it("an integer tells two routes apart, and a request that fits both is denied", () => {
  const paths = ["/issues/{n}/labels", "/issues/comments/{n}", "/releases/tags/{tag}", "/releases/{n}/assets"]
  const table = buildRouteTable(paths.map((each) => ({ tool: each, ...at(each) })))
  const judged = (path: string) => {
    const target = { path, segments: path.slice(1).split("/"), query: [], parts: 0 }
    const match = matchRoute(table, "https://a.example", "GET", target)
    if (!match) return "no tool"
    if (match.isAmbiguous) return "ambiguous"
    const args = routeArguments(match, target, { kind: "whole", text: "" }, { contentType: null })
    return isDenied(args) ? "no integer" : match.definition.tool
  }
  expect(filed(...paths.map((each) => at(each))).clashing(at("/x"))).toEqual([])
  for (const [path, what] of Object.entries({
    "/issues/7/labels": "/issues/{n}/labels",
    "/issues/comments/7": "/issues/comments/{n}",
    "/issues/comments/labels": "ambiguous",
    "/issues/Comments/7": "no tool",
    "/issues/007/labels": "no integer",
    "/issues/+7/labels": "no integer",
    "/issues/7.0/labels": "no integer",
    "/issues/99999999999999999/labels": "no integer",
    "/issues/comments/007": "no integer",
    "/issues/other/labels": "no integer",
    "/releases/tags/v1": "/releases/tags/{tag}",
    "/releases/tags/7": "/releases/tags/{tag}",
    "/releases/tags/assets": "ambiguous",
    "/releases/7/assets": "/releases/{n}/assets",
    "/releases/latest/assets": "no integer",
  }))
    expect([path, judged(path)]).toEqual([path, what])
})

function combinations(length: number): string[][] {
  if (length === 0) return [[]]
  return combinations(length - 1).flatMap((all) => ["a", "b", "c"].map((each) => [...all, each]))
}

it("patterns of resources that do not clash leave each URI one entry, in whatever order they are written", () => {
  const segment = fc.constantFrom("a", "b", "{x}")
  const path = fc
    .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
    .map(([all, isOpen]) => [...all, ...(isOpen || all.length === 0 ? ["{+r}"] : [])].map(named).join("/"))
  const uri = fc
    .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 })
    .map((all) => `x://${all.join("/")}`)
  const seen = { matched: 0, narrower: 0 }
  fc.assert(
    fc.property(fc.uniqueArray(path, { minLength: 1, maxLength: 8 }), fc.array(uri), (written, uris) => {
      const overlaps = new Overlaps<string>()
      const kept = written.filter((each) => {
        if (overlaps.clashing(at(each)).length > 0) return false
        overlaps.add(at(each), each)
        return true
      })
      const entries = kept.map((each) => ({ tool: each, pattern: `x://${each}` }))
      const [there, back] = [entries, entries.toReversed()]
      for (const each of uris) expect(matchResource(there, each)).toEqual(matchResource(back, each))
      // What a pattern takes URIs from is what they were taken for without it.
      for (const each of uris) {
        const match = matchResource(there, each)
        if (!match || "objection" in match) continue
        seen.matched += 1
        const rest = matchResource(
          entries.filter(({ tool }) => tool !== match.tool),
          each,
        )
        if (!rest || "objection" in rest) continue
        seen.narrower += 1
        expect(overlaps.around(at(match.tool))).toContain(rest.tool)
      }
    }),
    { numRuns: 2_000, seed: 20 },
  )
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100)
})

/** A name for each place. */
function named(segment: string, index: number): string {
  return segment.replace("x", `x${index}`)
}
