/**
 * Compares what was last observed of MCP servers and their tools with the catalog. Pure: the probe, or a gateway that
 * posts a list of tools, makes the observations, and the switchboard stores them.
 *
 * The switchboard stores an observation if it differs from the pin of the observer's bundle. The deciding Worker
 * compares it again, by hash, with the pin of its own bundle. So reports of an isolate with an older bundle do no harm:
 * under a newer bundle that pins what was observed, they deny nothing.
 */
import type { Denial } from "../denials/denial.ts"
import { isOtherEntry, type McpServer } from "./mcp-server.ts"
import type { Catalog, Located } from "./locate.ts"
import type { Tool } from "./tool.ts"
import { pinOf, Unpinnable, type PinnedKind } from "./pin.ts"
import { LISTS, type ListedItem, type ListKind } from "./tool-list.ts"

export interface Observations {
  /** The hash that was last observed, by the tool's name in the catalog. */
  readonly tools: ReadonlyMap<string, string>
  /** Names of servers that were observed not to compare headers with bodies, whatever the catalog says. */
  readonly headers: ReadonlySet<string>
  /** More was observed than is stored: tools that are not among these may have changed too. */
  readonly full: boolean
}

/**
 * Also of the tools whose results the call may return.
 * @param observations null if nothing was observed that differs
 */
export function denialByObservation(
  observations: Observations | null,
  { tool, byHeaders }: Pick<Located, "tool" | "byHeaders">,
  tools: Catalog["tools"],
): Denial | null {
  if (!observations) return null
  const { server, resultsOf = [] } = tool
  if (byHeaders && !headersEnforced(observations, server)) {
    return { reason: "mcp_headers_untrusted", what: "the server has been seen not to enforce them" }
  }
  for (const each of [tool, ...resultsOf.flatMap((name) => tools.get(name) ?? [])]) {
    const denial = denialByPin(observations, each)
    if (denial) return denial
  }
  return null
}

function denialByPin(observations: Observations, { name, pinned }: Tool): Denial | null {
  if (pinned === undefined) return null
  const seen = observations.tools.get(name)
  if (seen === undefined) return observations.full ? { reason: "tool_changed", tool: name, pinned, seen: null } : null
  return seen === pinned ? null : { reason: "tool_changed", tool: name, pinned, seen }
}

export function headersEnforced(observations: Observations | null, server: string): boolean {
  return !observations || (!observations.full && !observations.headers.has(server))
}

/** A pinned tool as it was just observed. */
export interface ToolObservation {
  /** Its name in the catalog. */
  readonly tool: string
  readonly pinned: string
  readonly seen: string
}

/** Stands in place of the hash of a definition that cannot be pinned (pin.ts); it is no pin. */
export const UNREADABLE = "0".repeat(64)

/**
 * Returns the pinned tools, or prompts, of a server's list, each once. If one is listed twice, the definition that
 * differs counts.
 */
export function observationsIn(
  kind: ListKind,
  listed: readonly ListedItem[],
  server: McpServer,
  { tools }: Pick<Catalog, "tools">,
): readonly ToolObservation[] {
  // Resources have no pins (pin.ts).
  if (kind !== "tools" && kind !== "prompts") return []
  const observations = new Map<string, ToolObservation>()
  for (const { key, definition } of listed) {
    const tool = LISTS[kind].entry(server, key)?.tool
    const pinned = tool === undefined ? undefined : tools.get(tool)?.pinned
    if (tool === undefined || pinned === undefined) continue
    const observation = observations.get(tool)
    if (observation && isChanged(observation)) continue
    observations.set(tool, { tool, pinned, seen: hashOf(definition, kind) })
  }
  return [...observations.values()]
}

function hashOf(definition: ListedItem["definition"], kind: PinnedKind): string {
  try {
    return pinOf(definition, kind)
  } catch (error) {
    if (!(error instanceof Unpinnable)) throw error
    return UNREADABLE
  }
}

export function isChanged({ pinned, seen }: ToolObservation): boolean {
  return seen !== pinned
}

/** Returns what the switchboard does not know yet: many lists at once must not become as many writes. */
export function changedSince(
  observations: readonly ToolObservation[],
  stored: Observations | null,
): readonly ToolObservation[] {
  return observations.filter((observation) =>
    isChanged(observation)
      ? stored?.tools.get(observation.tool) !== observation.seen
      : stored?.tools.has(observation.tool) === true,
  )
}

/**
 * Returns the pinned tools of a server that its complete list of tools lacks. They have not changed, but the operator
 * should learn of it.
 */
export function removedTools(
  observations: readonly ToolObservation[],
  server: McpServer,
  { tools }: Pick<Catalog, "tools">,
): readonly string[] {
  const seen = new Set(observations.map(({ tool }) => tool))
  return [...tools.values()]
    .filter((tool) => tool.server === server.name && tool.pinned !== undefined && !isOtherEntry(server, tool.name))
    .flatMap(({ name }) => (seen.has(name) ? [] : [name]))
}

/** What an observation is about. */
export interface Subject {
  readonly kind: "tool" | "headers"
  readonly name: string
}

/**
 * Returns the observations that are about nothing in this catalog. Either the tool has left the catalog, is not pinned
 * any more, or is pinned to what was observed; or the catalog does not rely on the server's headers, or has no probe
 * that could observe otherwise.
 */
export function outdated({ tools, headers }: Observations, catalog: Catalog): readonly Subject[] {
  const probed = new Set<string>()
  for (const { name, enforces_headers, probe } of catalog.servers.values())
    if (enforces_headers && probe) probed.add(name)
  const ofTools = [...tools].flatMap(([name, seen]): Subject[] => {
    const pinned = catalog.tools.get(name)?.pinned
    return pinned === undefined || pinned === seen ? [{ kind: "tool", name }] : []
  })
  const ofHeaders = [...headers].flatMap((name): Subject[] => (probed.has(name) ? [] : [{ kind: "headers", name }]))
  return [...ofTools, ...ofHeaders]
}
