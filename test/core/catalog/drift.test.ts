import { describe, expect, inject, test } from "vitest"
import { buildCatalog } from "../../../src/core/catalog/locate.ts"
import {
  denialByObservation,
  isChanged,
  changedSince,
  outdated,
  observationsIn,
  UNREADABLE,
  removedTools,
  type Observations,
} from "../../../src/core/catalog/drift.ts"
import { isDefinition, type ListedItem } from "../../../src/core/catalog/tool-list.ts"
import type { McpServer } from "../../../src/core/catalog/mcp-server.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { definitionOf, pinnedAs, POISON } from "../../harness/observations.ts"

const A = pinnedAs("search")
const B = pinnedAs("search", POISON)
const C = "c".repeat(64)
const yard = inject("yard")
const toolOf = (pinned: string | null, name = "desk.search"): Tool => {
  const tool = yard.tools.find((each) => each.name === name)
  if (!tool) throw new Error(`the yard has no ${name}`)
  return pinned === null ? tool : { ...tool, pinned }
}
const NO_TOOLS = new Map<string, Tool>()
const named = (...tools: readonly Tool[]) => new Map(tools.map((tool) => [tool.name, tool]))
const DESK: McpServer = { name: "desk", origin: "https://api.test", path: "/desk/mcp", enforces_headers: false }
const catalogOf = (pinned: string | null) =>
  buildCatalog(named(toolOf(pinned), toolOf(null, "desk.pay")), yard.servers, [])
const seen = (hash: string | null, more: Partial<Observations> = {}): Observations => ({
  tools: new Map(hash === null ? [] : [["desk.search", hash]]),
  headers: new Set(),
  full: false,
  ...more,
})
const listed = (...tools: readonly Readonly<Record<string, unknown>>[]): ListedItem[] =>
  tools.map((definition) => ({ key: "search", definition }))

test("a tool that may return results of a changed one is denied as that one is", () => {
  const resuming: Tool = { ...toolOf(null), name: "desk.mcp.resume", resultsOf: ["desk.pay", "desk.search"] }
  const denied = (pinned: string) =>
    denialByObservation(seen(B), { tool: resuming, byHeaders: false }, named(toolOf(pinned), toolOf(A, "desk.pay")))
  expect(denied(A)).toEqual({ reason: "tool_changed", tool: "desk.search", pinned: A, seen: B })
  expect(denied(B)).toBeNull()
})

describe("a pinned tool", () => {
  // The rows are bundles, the columns what was seen last: whoever stored it, it is compared with the pin of whoever
  // decides.
  test.each<readonly [pinned: string | null, observed: string | null, denied: boolean]>([
    [null, null, false],
    [null, A, false],
    [null, B, false],
    [A, null, false],
    [A, A, false],
    [A, B, true],
    [B, null, false],
    [B, A, true],
    [B, B, false],
    [C, A, true],
    [C, B, true],
    [A, UNREADABLE, true],
  ])("pinned to %s and last seen as %s: denied is %s", (pinned, observed, denied) => {
    const denial = denialByObservation(seen(observed), { tool: toolOf(pinned), byHeaders: false }, NO_TOOLS)
    expect(denial).toEqual(denied ? { reason: "tool_changed", tool: "desk.search", pinned, seen: observed } : null)
  })

  test("costs nothing where nothing was seen, and is not another one", () => {
    expect(denialByObservation(null, { tool: toolOf(A), byHeaders: true }, NO_TOOLS)).toBeNull()
    const other = seen(null, { tools: new Map([["desk.pay", B]]) })
    expect(denialByObservation(other, { tool: toolOf(A), byHeaders: false }, NO_TOOLS)).toBeNull()
  })

  test("of which nobody can say that it has not changed is denied, one that is not pinned is not", () => {
    const full = seen(null, { full: true })
    const unknown = { reason: "tool_changed", tool: "desk.search", pinned: A, seen: null }
    expect(denialByObservation(full, { tool: toolOf(A), byHeaders: false }, NO_TOOLS)).toEqual(unknown)
    expect(denialByObservation(full, { tool: toolOf(null), byHeaders: false }, NO_TOOLS)).toBeNull()
    expect(denialByObservation(seen(A, { full: true }), { tool: toolOf(A), byHeaders: false }, NO_TOOLS)).toBeNull()
  })
})

describe("headers alone", () => {
  test.each<readonly [what: string, observations: Observations, byHeaders: boolean, denied: boolean]>([
    ["of a server that was seen not to compare them", seen(null, { headers: new Set(["desk"]) }), true, true],
    ["of another one", seen(null, { headers: new Set(["shed"]) }), true, false],
    ["beside a body", seen(null, { headers: new Set(["desk"]) }), false, false],
    ["while more was seen than is kept", seen(null, { full: true }), true, true],
  ])("%s", (_what, observations, byHeaders, denied) => {
    const denial = denialByObservation(observations, { tool: toolOf(null), byHeaders }, NO_TOOLS)
    expect(denial?.reason).toBe(denied ? "mcp_headers_untrusted" : undefined)
  })
})

describe("a list against the pins", () => {
  const of = (tools: readonly ListedItem[], pinned: string | null = A) =>
    observationsIn("tools", tools, DESK, catalogOf(pinned)).map((sighting) => [sighting.tool, isChanged(sighting)])
  const search = definitionOf("search")

  test.each<readonly [what: string, tools: readonly ListedItem[], changed: boolean | null]>([
    ["as it was pinned", listed(search), false],
    ["in another order", listed({ inputSchema: { type: "object" }, name: "search" }), false],
    ["with what is not pinned", listed({ ...search, title: "!", _meta: { a: 1 }, icons: [] }), false],
    ["otherwise", listed({ ...search, ...POISON }), true],
    ["without its schema", listed({ name: "search" }), true],
    ["twice, the second time otherwise", listed(search, { ...search, ...POISON }), true],
    ["twice, the first time otherwise", listed({ ...search, ...POISON }, search), true],
    ["with an infinite number", listed({ ...search, inputSchema: { maximum: Infinity } }), true],
    ["with half a character", listed({ ...search, description: "\ud800" }), true],
    ["with a description that only some clients read", listed({ ...search, Description: "x" }), true],
    ["with annotations that only some clients read", listed({ ...search, ["annotation\u017f"]: {} }), true],
    ["not at all", [], null],
    ["in other case", [{ key: "Search", definition: definitionOf("Search", POISON) }], null],
    ["as a lifecycle tool", [{ key: "mcp.ping", definition: definitionOf("mcp.ping") }], null],
  ])("that has the tool %s", (_what, tools, changed) => {
    expect(of(tools)).toEqual(changed === null ? [] : [["desk.search", changed]])
  })

  test("says nothing of tools that are not pinned, or of no catalog", () => {
    expect(of(listed(search), null)).toEqual([])
    expect(of([{ key: "launch", definition: definitionOf("launch") }])).toEqual([])
  })

  test("says which pinned tools are gone", () => {
    const gone = (tools: readonly ListedItem[], pinned: string | null) =>
      removedTools(observationsIn("tools", tools, DESK, catalogOf(pinned)), DESK, catalogOf(pinned))
    expect(gone([], A)).toEqual(["desk.search"])
    expect(gone(listed({ ...search, ...POISON }), A)).toEqual([])
    expect(gone([], null)).toEqual([])
    expect(removedTools([], { ...DESK, name: "shed" }, catalogOf(A))).toEqual([])
  })

  test("with names alone is no word on what they are", () => {
    expect(listed({ name: "search" }).filter(isDefinition)).toEqual([])
    expect(listed({ name: "search", description: "x" }).filter(isDefinition)).toHaveLength(1)
  })
})

test("only what the switchboard does not know is news", () => {
  const sighting = (hash: string) => ({ tool: "desk.search", pinned: A, seen: hash })
  const isNews = (hash: string, known: Observations | null): boolean =>
    changedSince([sighting(hash)], known).length === 1
  expect([isNews(A, null), isNews(B, null)]).toEqual([false, true])
  expect([isNews(A, seen(B)), isNews(B, seen(B)), isNews(C, seen(B))]).toEqual([true, false, true])
  expect([isNews(A, seen(null)), isNews(B, seen(null))]).toEqual([false, true])
})

test("observations that are about nothing in a catalog", () => {
  const probe = { url: "https://desk.test/mcp" }
  const probed = yard.servers.map((server): McpServer => ({ ...server, probe }))
  const catalog = (pinned: string | null, servers = probed) => buildCatalog(named(toolOf(pinned)), servers, [])
  expect(outdated(seen(B), catalog(A))).toEqual([])
  for (const pinned of [null, B]) {
    expect(outdated(seen(B), catalog(pinned))).toEqual([{ kind: "tool", name: "desk.search" }])
  }
  const left = seen(null, { tools: new Map([["desk.gone", B]]), headers: new Set(["desk", "shed", "gone"]) })
  const stale = [
    { kind: "tool", name: "desk.gone" },
    // Of `shed` nobody believes headers, `gone` is gone.
    { kind: "headers", name: "shed" },
    { kind: "headers", name: "gone" },
  ]
  expect(outdated(left, catalog(A))).toEqual(stale)
  // Without a probe nobody could ever say that it enforces them again.
  expect(outdated(left, catalog(A, [...yard.servers]))).toEqual([
    ...stale.slice(0, 1),
    { kind: "headers", name: "desk" },
    ...stale.slice(1),
  ])
})
