/** Tools that others offer, and that are no longer what somebody had looked at, or never were. */
import { replacing, type Scenario } from "../scenario.ts"
import type { Deed, World } from "../world.ts"
import { isDone, kb, TICKETS } from "./calls.ts"
import { AMY, ANN } from "./people.ts"

const search = (words: string) => kb("tools/call", { name: "search", arguments: { words } })
const isSearched = (deeds: readonly Deed[]): boolean =>
  deeds.some(({ body }) => JSON.stringify(body).includes('"tools/call"'))

async function listAndSearch(world: World, person: typeof ANN): Promise<void> {
  const session = await world.begin({ agent: "desk", person, purpose: "answer-ticket" })
  await world.call(session, kb("tools/list"))
  await world.call(session, search("returns"))
}

export const TOOL_IS_CHANGED: Scenario = {
  name: "An MCP server changes what it says of a tool, after somebody had looked at it",
  control: "the pin of the tool in the catalog",
  work: async (world) => listAndSearch(world, AMY),
  async attack(world) {
    world.describe("otherwise")
    await listAndSearch(world, ANN)
    world.describe("as at first")
  },
  isReached: isSearched,
  denied: { code: "tool_changed", reason: "tool_changed" },
  without: { "catalog.yaml": (text) => text.replace(/\n    pinned: \w+/u, "") },
  isApart: true,
}

export const TOOL_IS_NEW: Scenario = {
  name: "A service offers something that nobody has looked at, and an agent calls it",
  control: "the catalog, beside which there is no tool",
  async work(world) {
    await world.call(await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket" }), TICKETS)
  },
  async attack(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    await world.call(session, { method: "GET", path: "/crm/export" })
  },
  isReached: isDone("GET", "/crm/export"),
  denied: { code: "unknown_tool", reason: "tool_unknown" },
  without: { "catalog.yaml": replacing("path: /crm/tickets }", "path: /crm/export }") },
}
