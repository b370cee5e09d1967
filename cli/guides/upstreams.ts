/** Which server behind a gateway gets which path: from the catalog, and from what a person has named. */
import { suggest } from "../../src/core/encoding/nearest.ts"
import type { Policies } from "../compiler/model/policies.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { Upstream } from "./gateway-page.ts"

/** `host:port` of an MCP server, of a tool, or of the tools that begin alike (`crm`); with no name: of all others. */
export type NamedUpstreams = ReadonlyMap<string, string>

interface Entry {
  /** Of the MCP server, or of the tool of a route. */
  readonly name: string
  readonly path: string
  /** Where its probe says that it is. */
  readonly probed?: string
}

/** @param otherwise `host:port` of what neither a name nor a probe gives a place */
export function upstreamsBehind(
  { origin }: URL,
  { catalog }: Policies,
  named: NamedUpstreams,
  otherwise: string,
): readonly [Upstream, ...Upstream[]] {
  const { servers, tools } = catalog.value
  const entries = [
    ...servers.flatMap((server): Entry[] => (server.origin === origin ? [serverEntry(server)] : [])),
    ...tools.flatMap(({ name, route }): Entry[] => (route?.origin === origin ? [{ name, path: route.path }] : [])),
  ]
  refuseUnknown(named, entries)
  const paths = Map.groupBy(entries, (entry) => placeOf(entry, named) ?? otherwise)
  const all = Array.from(paths, ([address, behind]): Upstream => ({
    name: nameOf(address, behind),
    address,
    paths: [...new Set(behind.map(({ path }) => path))],
  }))
  refuseOverlaps(all)
  const [first, ...others] = all
  return first ? [first, ...others] : [{ name: "guarded", address: named.get("") ?? otherwise, paths: [] }]
}

type Server = Policies["catalog"]["value"]["servers"][number]

/** One with TLS is none that the pages reach. */
function serverEntry({ name, path, probe }: Server): Entry {
  const url = probe && URL.parse(probe.url)
  return { name, path, ...(url?.protocol === "http:" && { probed: url.host }) }
}

function placeOf({ name, probed }: Entry, named: NamedUpstreams): string | undefined {
  const parts = name.split(".")
  const own = parts.map((_part, index) => named.get(parts.slice(0, parts.length - index).join(".")))
  return own.find((place) => place !== undefined) ?? named.get("") ?? probed
}

function refuseUnknown(named: NamedUpstreams, entries: readonly Entry[]): void {
  const names = new Set(
    entries.flatMap(({ name }) => name.split(".").map((_part, index, parts) => parts.slice(0, index + 1).join("."))),
  )
  const unknown = [...named.keys()].find((name) => name !== "" && !names.has(name))
  if (unknown !== undefined)
    throw new Failure(
      `nothing behind this origin is called ${unknown}`,
      suggest(unknown, [...names], "Name an MCP server or tools of catalog.yaml that have this origin."),
      EXIT.usage,
    )
}

const nameOf = (address: string, [first]: readonly Entry[]): string =>
  `guarded_${first?.name.split(".")[0] ?? ""}_${address}`.replaceAll(/[^A-Za-z0-9_]/g, "_")

/** A gateway knows paths alone, and Narrowgate methods too: a path of two upstreams could reach the wrong one. */
function refuseOverlaps(upstreams: readonly Upstream[]): void {
  const all = upstreams.flatMap(({ address, paths }) =>
    paths.map((path) => ({ address, path, parts: path.split("/") })),
  )
  for (const one of all) {
    const other = all.find(({ address, parts }) => address !== one.address && mayBeOne(parts, one.parts))
    if (other)
      throw new Failure(
        `${one.path} (${one.address}) and ${other.path} (${other.address}) may be one path`,
        "Give both the same upstream.",
      )
  }
}

const mayBeOne = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length &&
  some.every((part, index) => part === others[index] || part.startsWith("{") || others[index]?.startsWith("{"))
