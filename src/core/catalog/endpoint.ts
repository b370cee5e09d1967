/**
 * Which MCP servers some reader finds at a path. The path of an endpoint has no parameters; what is below may be the
 * endpoint too, if it is an application that is mounted there (`Mount` of Starlette).
 */
import { foldCase } from "../encoding/name-folding.ts"
import type { McpServer } from "./mcp-server.ts"
import { looseReadings, type Segments } from "./route.ts"

export interface Endpoint {
  readonly server: McpServer
  /** The segments of its path, as less strict readers read them (`looseReadings`). */
  readonly literals: readonly string[]
}

export type EndpointTable = ReadonlyMap<string, readonly Endpoint[]>

const tableKey = (origin: string, first: string): string => `${first} ${origin}`

export function buildEndpointTable(servers: readonly McpServer[]): EndpointTable {
  const endpoints = servers.map((server): Endpoint => {
    // A slash at the end means nothing to most.
    const segments = server.path
      .replace(/(?<=.)\/$/, "")
      .slice(1)
      .split("/")
    return { server, literals: segments.map(foldCase) }
  })
  return Map.groupBy(endpoints, ({ server, literals }) => tableKey(server.origin, literals[0] ?? ""))
}

export function endpointsAt(table: EndpointTable, origin: string, segments: readonly string[]): readonly Endpoint[] {
  if (table.size === 0) return []
  const isRead = (literal: string, index: number): boolean => {
    const segment = segments[index]
    return segment !== undefined && looseReadings(segment).includes(literal)
  }
  return looseReadings(segments[0] ?? "")
    .flatMap((first) => table.get(tableKey(origin, first)) ?? [])
    .filter(({ literals }) => literals.every(isRead))
}

/**
 * Whether some reader finds an MCP server at the path of a route's call. A route that says the server's path itself, and
 * more, is meant.
 * @param names of the route's segments
 */
export function isEndpointToSome(
  table: EndpointTable,
  origin: string,
  segments: readonly string[],
  names: Segments,
): boolean {
  const asked = segments.at(-1) === "" ? segments.slice(0, -1) : segments
  return endpointsAt(table, origin, asked).some(({ literals: { length } }) => {
    const isMeant = asked.length > length && names.slice(0, length).every((name) => name === null)
    return !isMeant
  })
}
