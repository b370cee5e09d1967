/** Tools of third parties that differ from what was reviewed, or that were never reviewed. */
import { replacing, type Scenario } from "../scenario.ts"
import type { Person, ServedRequest } from "../world.ts"
import { isServed, kb, TICKETS } from "./calls.ts"
import { AMY, ANN } from "./people.ts"
import { answerTicket, calling } from "./work.ts"

const listAndSearch = (person: Person) =>
  calling(answerTicket(person), kb("tools/list"), kb("tools/call", { name: "search", arguments: { words: "returns" } }))
const isSearched = (requests: readonly ServedRequest[]): boolean =>
  requests.some(({ body }) => JSON.stringify(body).includes('"tools/call"'))

export const TOOL_IS_CHANGED: Scenario = {
  name: "An MCP server changes the description of a tool after it was reviewed",
  control: "the pin of the tool in the catalog",
  work: listAndSearch(AMY),
  async attack(world) {
    world.describe("otherwise")
    try {
      await listAndSearch(ANN)(world)
    } finally {
      world.describe("as reviewed")
    }
  },
  isReached: isSearched,
  denied: { code: "tool_changed", reason: "tool_changed" },
  without: { "catalog.yaml": (text) => text.replace(/\n    pinned: \w+/u, "") },
  needsOwnNarrowgate: true,
}

export const TOOL_IS_NEW: Scenario = {
  name: "A service offers something that is not in the catalog, and an agent calls it",
  control: "the catalog, beside which there is no tool",
  work: calling(answerTicket(AMY), TICKETS),
  attack: calling(answerTicket(ANN), { method: "GET", path: "/crm/export" }),
  isReached: isServed("GET", "/crm/export"),
  denied: { code: "unknown_tool", reason: "tool_unknown" },
  without: { "catalog.yaml": replacing("path: /crm/tickets }", "path: /crm/export }") },
}
