import { describe, expect, test } from "vitest"
import { variantOf, type CallArguments } from "../../../src/core/catalog/arguments.ts"
import { readTarget } from "../../../src/core/catalog/path.ts"
import { buildRouteTable, matchRoute, routeArguments } from "../../../src/core/catalog/route.ts"
import { isObject } from "../../../src/core/encoding/json.ts"
import recorded from "../../node/readers/recorded.json"

const table = (query_names: readonly string[]) =>
  buildRouteTable([
    { tool: "t.t", origin: "https://a.test", methods: ["GET", "POST"], path: "/t", integers: [], query_names },
  ])

/** Null: the call is refused whatever reads its arguments. */
function argumentsOf(query: string, declared: readonly string[] = [], text = ""): CallArguments | null {
  const target = readTarget(`/t?${query}`)
  if ("denied" in target) return null
  const match = matchRoute(table(declared), "https://a.test", "POST", target)
  if (!match) throw new Error("no match")
  const args = routeArguments(match, target, { kind: "whole", text }, { contentType: "application/json" })
  return "denied" in args ? null : args
}

const judged = (args: CallArguments | null, name: string): args is CallArguments =>
  args !== null && variantOf(args, new Set([name])) === null

const NAMES = ["to", "to_x", "to.x", "amount", "x", "constructor", "filter"]

describe("an argument that something reads", () => {
  test.each(NAMES)("%s is the same for every reader of the query, or the call is refused", (name) => {
    const seen = { accepted: 0, read: 0 }
    for (const { query, read } of recorded) {
      const args = argumentsOf(query)
      if (!judged(args, name)) continue
      seen.accepted += 1
      const own = Object.hasOwn(args.values, name) ? args.values[name] : undefined
      for (const [readers, reading] of Object.entries<unknown>(read)) {
        if (!isObject(reading)) throw new Error(`${readers} refuses ${query}`)
        const theirs = Object.entries(reading).find(([each]) => each === name)?.[1]
        // A reader that knows no such name reads something else, and nothing as this.
        if (theirs === undefined) continue
        seen.read += 1
        expect({ query, readers, theirs }).toEqual({ query, readers, theirs: own })
      }
    }
    expect(seen.accepted).toBeGreaterThan(10)
    if (name === "to") expect(seen.read).toBeGreaterThan(20)
  })

  test("is not there for any reader where it is not there for us", () => {
    for (const { query, read } of recorded) {
      const args = argumentsOf(query)
      if (!judged(args, "to") || Object.hasOwn(args.values, "to")) continue
      for (const [readers, reading] of Object.entries<unknown>(read)) {
        expect({ query, readers, reading }).not.toHaveProperty("reading.to")
      }
    }
  })

  const ATTACKS = [
    "[to]=b",
    "%5Bto%5D=b",
    "%20to=b",
    "to%20=b",
    "+to=b",
    "to[]=b",
    "to.x=b",
    "TO=b",
    "_to=b",
    "!to=b",
    "$to=b",
    "%EF%BD%94%EF%BD%8F=b",
    "%EF%BB%BFto=b",
    "to",
    `${"&".repeat(1_000)}to=b`,
  ]
  test.each(ATTACKS)("%s is refused where `to` is read, and passes where nothing is", (query) => {
    for (const each of [query, `x=1&${query}`]) {
      const args = argumentsOf(each)
      expect(judged(args, "to")).toBe(false)
      expect(args && variantOf(args, new Set())).toBeNull()
    }
  })

  test.each(['{" to":1}', '{"[to]":1}', '{"To":1}', '{"to ":1}', '{"to[]":1}', '{"to.x":1}', '{"to\\u0000x":1}'])(
    "%s as a body is refused where `to` is read",
    (text) => {
      expect(judged(argumentsOf("", [], text), "to")).toBe(false)
      expect(judged(argumentsOf("", [], text), "from")).toBe(true)
    },
  )

  test("all of them: two names of which one may be read as the other are refused", () => {
    expect(judged(argumentsOf("a.b=1&c=2"), "*")).toBe(true)
    expect(judged(argumentsOf("a.b=1&a_b=2"), "*")).toBe(false)
    expect(judged(argumentsOf("a=1", [], '{"[a]":2}'), "*")).toBe(false)
  })
})

describe("a name of the query that is not plain", () => {
  test("is taken where the catalog declares it, unless it may be read as an argument that something reads", () => {
    const query = "filter[status]=open&filter[owner]=me&$top=5"
    const declared = ["filter[status]", "filter[owner]", "$top"]
    expect(judged(argumentsOf(query), "to")).toBe(false)
    expect(judged(argumentsOf(query, declared), "to")).toBe(true)
    expect(judged(argumentsOf(query, declared), "filter")).toBe(false)
    expect(judged(argumentsOf(query, declared), "top")).toBe(false)
    expect(judged(argumentsOf(`${query}&page[x]=1`, declared), "to")).toBe(false)
  })

  test("is one of 129 characters, and one of 128 is plain; so are 100 parts, and 101 are not", () => {
    const parts = (count: number): string => Array.from({ length: count }, (_, at) => `p${at}=1`).join("&")
    for (const query of [`${"a".repeat(128)}=1`, parts(100)]) expect(judged(argumentsOf(query), "to")).toBe(true)
    for (const query of [`${"a".repeat(129)}=1`, parts(101)]) expect(judged(argumentsOf(query), "to")).toBe(false)
  })

  test("is any name where nothing is read, each once", () => {
    expect(argumentsOf("filter[a]=1&filter[b]=2")?.values).toEqual({ "filter[a]": "1", "filter[b]": "2" })
    for (const twice of ["filter[a]=1&filter[a]=2", "filter[a]=1&Filter[A]=2", "filter=1&filter[a]=2", "a[b]=1&a=2"]) {
      expect(argumentsOf(twice)).toBeNull()
    }
    expect(argumentsOf("filter[a]=1", [], '{"filter":1}')).toBeNull()
  })
})
