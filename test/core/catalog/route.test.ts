import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { readTarget } from "../../../src/core/catalog/path.ts"
import { buildRouteTable, matchRoute, routeArguments, type RouteDefinition } from "../../../src/core/catalog/route.ts"

const route = (
  tool: string,
  path: string,
  methods: readonly string[] = ["GET"],
  origin = "https://a.test",
): RouteDefinition => {
  return { tool, origin, methods, path, integers: [] }
}

function toolAt(
  routes: readonly RouteDefinition[],
  target: string,
  method = "GET",
  origin = "https://a.test",
): string | null {
  const read = readTarget(target)
  if ("denied" in read) throw new Error(`ambiguous: ${target}`)
  return matchRoute(buildRouteTable(routes), origin, method, read)?.definition.tool ?? null
}

/** The plain reading of a table: each route in turn, the one with the most literal beginning wins. */
function reference(routes: readonly RouteDefinition[], target: string): string | null {
  const segments = target.slice(1).split("/")
  const fits = routes.filter(({ path }) => {
    const own = path.slice(1).split("/")
    return (
      own.length === segments.length &&
      own.every((part, index) => (part.startsWith("{") ? segments[index] !== "" : part === segments[index]))
    )
  })
  const rank = ({ path }: RouteDefinition) =>
    path
      .slice(1)
      .split("/")
      .map((part) => (part.startsWith("{") ? "1" : "0"))
      .join("")
  return fits.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))[0]?.tool ?? null
}

const segment = fc.constantFrom("a", "b", "{x}", "{y}")
const path = fc
  .array(segment, { minLength: 1, maxLength: 3 })
  .map((parts) => `/${parts.map((part, index) => part.replace("}", `${index}}`)).join("/")}`)
const shape = (text: string): string => text.replaceAll(/\{\w+\}/g, "{}")

describe("routes", () => {
  test("a literal segment wins over a parameter, whatever the order in the catalog", () => {
    const paths = fc.uniqueArray(path, { minLength: 1, maxLength: 8, selector: shape })
    const target = fc.array(fc.constantFrom("a", "b", "c", ""), { minLength: 1, maxLength: 3 })
    fc.assert(
      fc.property(paths, target, (all, segments) => {
        const routes = all.map((each, index) => route(`t.${index}`, each))
        const asked = `/${segments.join("/")}`
        if (asked.includes("//")) return
        expect(toolAt(routes, asked)).toBe(reference(routes, asked))
        expect(toolAt(routes.toReversed(), asked)).toBe(reference(routes, asked))
      }),
      { seed: 20261125, numRuns: 500 },
    )
  })

  test("method and origin are part of it; HEAD is judged as GET, and as nothing else", () => {
    const routes = [
      route("t.get", "/a"),
      route("t.post", "/a", ["POST", "PUT"]),
      route("t.other", "/a", ["GET"], "https://b.test"),
    ]
    expect(
      ["GET", "HEAD", "POST", "PUT", "DELETE", "get", "OPTIONS"].map((method) => toolAt(routes, "/a", method)),
    ).toEqual(["t.get", "t.get", "t.post", "t.post", null, null, null])
    expect(toolAt(routes, "/a", "GET", "https://b.test")).toBe("t.other")
    expect(toolAt(routes, "/a", "GET", "https://c.test")).toBeNull()
    expect(toolAt([route("t.post", "/a", ["POST"])], "/a", "HEAD")).toBeNull()
  })

  test("a literal that is written otherwise is a value to some readers, of a route that may not be in the catalog", () => {
    const table = buildRouteTable([route("t.export", "/tickets/export"), route("t.part", "/a.b/{x}/~c")])
    const isAmbiguous = (target: string): boolean | null => {
      const read = readTarget(target)
      if ("denied" in read) throw new Error(`ambiguous: ${target}`)
      return matchRoute(table, "https://a.test", "GET", read)?.isAmbiguous ?? null
    }
    for (const plain of ["/tickets/export", "/a.b/%65/~c", "/a.b/%C3%A9?x=%65", "/a.b/%20/~c"])
      expect(isAmbiguous(plain), plain).not.toBe(true)
    for (const other of ["/tickets/%65xport", "/ticket%73/export", "/a%2Eb/x/~c", "/a.b/x/%7Ec", "/a.b/x/%7ec"])
      expect(isAmbiguous(other), other).toBe(true)
  })

  test("two routes for one request are a defect of the build, not a choice", () => {
    expect(() => buildRouteTable([route("a.a", "/{x}"), route("a.b", "/{y}")])).toThrow(/two routes/)
  })
})

describe("arguments of a route", () => {
  const table = buildRouteTable([{ ...route("t.t", "/n/{n}/{name}", ["POST"]), integers: ["n", "limit"] }])
  const read = (target: string, text = "", type: string | null = "application/json") => {
    const parsed = readTarget(target)
    if ("denied" in parsed) throw new Error("ambiguous")
    const match = matchRoute(table, "https://a.test", "POST", parsed)
    if (!match) throw new Error("no match")
    return routeArguments(match, parsed, { kind: "whole", text }, { contentType: type })
  }

  test("come from path, query and body, integers where the catalog says so", () => {
    expect(read("/n/42/a%20b?limit=7&q=x+y", '{"deep":{"a":[1]}}')).toEqual({
      complete: true,
      values: { n: 42, name: "a b", limit: 7, q: "x y", deep: { a: [1] } },
    })
    expect(read("/n/-1/7")).toEqual({ complete: true, values: { n: -1, name: "7" } })
  })

  test.each(["1.0", "01", "+1", "1e3", "0x1", "", "9007199254740993", "1%20", "١"])("%s is no integer", (text) => {
    const target = text === "" ? "/n/1/a?limit=" : `/n/${encodeURIComponent(text).replaceAll("%2520", "%20")}/a`
    expect(read(target)).toHaveProperty("denied")
  })

  test("__proto__ in the query is a name like any other", () => {
    const read1 = read("/n/1/a?__proto__=x&constructor=y")
    expect("denied" in read1 ? null : Object.entries(read1.values)).toEqual([
      ["n", 1],
      ["name", "a"],
      ["__proto__", "x"],
      ["constructor", "y"],
    ])
  })

  test("a body that is not JSON leaves them incomplete; JSON that is no object too", () => {
    expect(read("/n/1/a", "x=1", "text/plain")).toMatchObject({ complete: false })
    expect(read("/n/1/a", "x=1", null)).toMatchObject({ complete: false })
    expect(read("/n/1/a", "[1]")).toMatchObject({ complete: false })
    expect(read("/n/1/a", "{", "application/problem+json; charset=UTF-8")).toHaveProperty("denied")
  })
})
