/**
 * What was last seen of MCP servers and their tools, against what the catalog says of them. Pure: who looks is the
 * probe, or a gateway that posts a list; who keeps what was seen is the switchboard.
 *
 * It is kept where it differed from the pin of whoever saw it, and compared again, by hash, with the pin of whoever
 * decides. So an isolate with an older bundle may report what it likes: under a newer bundle that pins what was seen,
 * it denies nothing.
 */
import type { Denial } from "../denials/denial.ts"
import { catalogName, type McpServer } from "./mcp-server.ts"
import type { Catalog, Located } from "./locate.ts"
import { pinOf, Unpinnable } from "./pin.ts"
import type { ListedTool } from "./tool-list.ts"

export interface Observations {
  /** Hash last seen, by the tool's name in the catalog. */
  readonly tools: ReadonlyMap<string, string>
  /** Names of servers seen not to compare headers with bodies, whatever the catalog says. */
  readonly headers: ReadonlySet<string>
  /** More was seen than is kept: what is not among it may have changed all the same. */
  readonly full: boolean
}

/** @param observations null: nothing was seen that differs */
export function denialByObservation(
  observations: Observations | null,
  { tool, byHeaders }: Pick<Located, "tool" | "byHeaders">,
): Denial | null {
  if (!observations) return null
  const { name, server, pinned } = tool
  if (byHeaders && !headersBelieved(observations, server)) {
    return { reason: "mcp_headers_untrusted", what: "the server has been seen not to enforce them" }
  }
  if (pinned === undefined) return null
  const seen = observations.tools.get(name)
  if (seen === undefined) return observations.full ? { reason: "tool_changed", tool: name, pinned, seen: null } : null
  return seen === pinned ? null : { reason: "tool_changed", tool: name, pinned, seen }
}

export function headersBelieved(observations: Observations | null, server: string): boolean {
  return !observations || (!observations.full && !observations.headers.has(server))
}

/** A pinned tool as somebody has just seen it. */
export interface ToolObservation {
  /** In the catalog. */
  readonly tool: string
  readonly pinned: string
  readonly seen: string
}

/** In place of the hash of what is unpinnable (pin.ts): it is no pin. */
export const UNREADABLE = "0".repeat(64)

/** Those of a server's list that are pinned, each once. Of one that is listed twice, the one that differs counts. */
export function observationsIn(
  listed: readonly ListedTool[],
  server: Pick<McpServer, "name">,
  { tools }: Pick<Catalog, "tools">,
): readonly ToolObservation[] {
  const sightings = new Map<string, ToolObservation>()
  for (const { name, tool: said } of listed) {
    const tool = catalogName(server, name)
    const pinned = tool === null ? undefined : tools.get(tool)?.pinned
    if (tool === null || pinned === undefined) continue
    const known = sightings.get(tool)
    if (known && isChanged(known)) continue
    sightings.set(tool, { tool, pinned, seen: hashOf(said) })
  }
  return [...sightings.values()]
}

function hashOf(said: ListedTool["tool"]): string {
  try {
    return pinOf(said)
  } catch (error) {
    if (!(error instanceof Unpinnable)) throw error
    return UNREADABLE
  }
}

export function isChanged({ pinned, seen }: ToolObservation): boolean {
  return seen !== pinned
}

/** What the switchboard does not know yet: a storm of lists must not become a storm of writes. */
export function changedSince(
  sightings: readonly ToolObservation[],
  known: Observations | null,
): readonly ToolObservation[] {
  return sightings.filter((sighting) =>
    isChanged(sighting) ? known?.tools.get(sighting.tool) !== sighting.seen : known?.tools.has(sighting.tool) === true,
  )
}

/** Pinned tools of a server that its whole list lacks: they have not changed, but somebody should know. */
export function removedTools(
  sightings: readonly ToolObservation[],
  { name }: Pick<McpServer, "name">,
  { tools }: Pick<Catalog, "tools">,
): readonly string[] {
  const seen = new Set(sightings.map(({ tool }) => tool))
  return [...tools.values()]
    .filter(({ server, pinned, name: tool }) => server === name && pinned !== undefined && !seen.has(tool))
    .map(({ name: tool }) => tool)
}

/** What an observation is about. */
export interface Subject {
  readonly kind: "tool" | "headers"
  readonly name: string
}

/**
 * Observations that are about nothing in this catalog: of a tool that left it, is not pinned any more, or is pinned to
 * what was seen; of a server whose headers nobody believes, or of which no probe could ever say anything else.
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
