/**
 * Compares what a source has with the catalog: the differences, and the catalog's text with those differences that were
 * accepted. Nothing else of the text changes.
 */
import { isDeepStrictEqual } from "node:util"
import { LIFECYCLE_SEGMENT } from "../../src/core/catalog/lifecycle.ts"
import type { Action, Sensitivity } from "../../src/core/catalog/tool.ts"
import { Failure } from "../terminal/failure.ts"
import { METHODS } from "../compiler/schema/catalog.ts"
import { Overlaps, reachedByPattern, type Reached } from "../compiler/model/route-overlaps.ts"
import { serverOf } from "../compiler/model/tools.ts"
import { parseSource } from "../compiler/source/parse-source.ts"
import { catalogFile, type CatalogFile, type ListedTool } from "../compiler/schema/catalog.ts"
import { parseYaml } from "../compiler/source/source.ts"
import { CatalogText, field, type Lines } from "./catalog-text.ts"
import type { FoundTools, FoundTool, Pin, PinParts, Route, Suggestion } from "./found-tools.ts"
import { withCatalogNames } from "./catalog-names.ts"

export const CATALOG = "catalog.yaml"

export interface Differences {
  readonly found: FoundTools
  /** The entry that the catalog lacks for the server. */
  readonly server: NewServer | null
  readonly added: readonly FoundTool[]
  /** New too, but each would take calls from a tool of the catalog. */
  readonly narrowing: readonly NarrowingTool[]
  readonly changed: readonly ChangedTool[]
  /** In the catalog, but no longer in the source. */
  readonly gone: readonly string[]
  readonly same: number
  /** What the source shows against the catalog, which is left unchanged. */
  readonly warnings: readonly string[]
}

interface NewServer {
  readonly name: string
  readonly origin: string
  readonly path: string
  readonly enforces_headers: boolean
  readonly probe?: { readonly url: string }
}

export interface NarrowingTool {
  readonly tool: FoundTool
  /** Entries whose requests its route would take: calls that were judged as theirs would be judged as its own. */
  readonly from: readonly string[]
}

/** `from`: the entries from which it would take requests, besides those from which it does already. */
export interface ChangedTool extends NarrowingTool {
  /** The parts that differ; empty if it is unknown which. `unpinned`: the entry has no pin at all. */
  readonly what: readonly string[] | "unpinned"
}

/** The classes of a new tool. */
export interface Class extends Omit<Suggestion, "because"> {
  readonly sensitivity: Sensitivity
  /** Why it was suggested to be so sensitive; absent if nothing of the tool says so. */
  readonly mentions?: string
  /** False: a comment in the entry says that it awaits a review. */
  readonly isLookedAt: boolean
}

export interface Decisions {
  /** By name; a new tool, narrowing or not, that is not in it is left out. */
  readonly classes: ReadonlyMap<string, Class>
  /** Changed tools that are accepted as they are now. */
  readonly accepted: ReadonlySet<string>
  readonly pruned: ReadonlySet<string>
}

export function readCatalog(text: string): CatalogFile {
  const parsed = parseSource(parseYaml(CATALOG, text), catalogFile)
  if (parsed.ok) return parsed.source.value
  const [problem] = parsed.problems
  throw new Failure(
    `${CATALOG}:${problem?.line ?? 1}:${problem?.column ?? 1}: ${problem?.message ?? "not a catalog"}`,
    `${problem?.fix ?? ""} \`narrowgate check\` shows all that is wrong.`.trim(),
  )
}

/** @param prune removes tools that are gone, so that their routes are free */
export function compare(catalogText: string, source: FoundTools, { prune }: { readonly prune: boolean }): Differences {
  const catalog = readCatalog(catalogText)
  const found = withCatalogNames(source, catalog)
  refuseOtherKind(catalog, found)
  const names = new Set([...found.tools.map(({ name }) => name), ...found.withheld])
  const gone = catalog.tools.filter((tool) => isOfSource(tool, found) && !names.has(tool.name)).map(({ name }) => name)
  const leaving = new Set(prune ? gone : [])
  const taken = meanings({ ...catalog, tools: catalog.tools.filter(({ name }) => !leaving.has(name)) })
  const text = new CatalogText(catalogText)
  const places = new Map(catalog.tools.map((tool, index) => [tool.name, { tool, index }]))
  const added: FoundTool[] = []
  const narrowing: NarrowingTool[] = []
  const changed: ChangedTool[] = []
  const skipped = [...found.skipped]
  let same = 0
  for (const tool of found.tools) {
    const place = places.get(tool.name)
    if (!place) {
      const reached = reachedBy(tool, found)
      const [other] = reached ? taken.clashing(reached) : []
      const from = other === undefined ? takenFrom(tool, taken) : []
      if (from.length > 0) narrowing.push({ tool, from })
      else if (other === undefined) added.push(tool)
      else skipped.push({ what: tool.name, why: `the same request could mean \`${other}\`, which the catalog has` })
      continue
    }
    const what = differing(tool, place.tool, text.commentOf("tools", place.index, "pinned"))
    if (what === null) same++
    else changed.push({ tool, from: takenFrom(tool, taken, place.tool), what })
  }
  const server = catalog.servers.find(({ name }) => name === found.prefix)
  return {
    found: { ...found, skipped },
    server: server === undefined ? newServer(found) : null,
    added,
    narrowing,
    changed,
    gone,
    same,
    warnings: found.reached.by === "server" ? serverWarnings(found.reached, server, taken) : [],
  }
}

/** @throws Failure if the result would be no valid catalog; nothing is written then */
export function merge(
  before: string,
  differences: Differences,
  { classes, accepted, pruned }: Decisions,
): { readonly text: string; readonly diff: string } {
  const catalog = readCatalog(before)
  const text = new CatalogText(before)
  const { found, server, changed } = differences
  const indices = new Map(catalog.tools.map(({ name }, index) => [name, index]))
  const indexOf = (name: string) => indices.get(name) ?? -1
  const chosen = newTools(differences).flatMap((tool) => {
    const given = classes.get(tool.name)
    return given === undefined ? [] : [{ tool, given }]
  })
  if (server) {
    const { name, origin, path, enforces_headers: enforces, probe } = server
    const lines = [`- ${field("name", name)}`, `  ${field("origin", origin)}`, `  ${field("path", path)}`]
    if (enforces) lines.push(`  ${field("enforces_headers", true)}`)
    if (probe) lines.push("  probe:", `    ${field("url", probe.url)}`)
    text.add("servers", undefined, catalog.servers.length === 0 ? lines : ["", ...lines])
  }
  const beside = catalog.tools.findLastIndex(({ name }) => name.startsWith(`${found.prefix}.`) && !pruned.has(name))
  chosen.forEach(({ tool, given }, index) => {
    const lines = linesOf(tool, given)
    const startsGroup = index === 0 && beside < 0 && catalog.tools.length > 0
    text.add("tools", beside < 0 ? undefined : beside, startsGroup ? ["", ...lines] : lines)
  })
  for (const { tool } of changed) {
    if (accepted.has(tool.name)) remark(text, indexOf(tool.name), tool, catalog.tools[indexOf(tool.name)])
  }
  for (const name of pruned) text.remove("tools", indexOf(name))
  const after = text.result(CATALOG)
  const isMeant = isDeepStrictEqual(
    byName(readCatalog(after.text)),
    byName(expected(catalog, differences, { classes, accepted, pruned })),
  )
  if (isMeant) return after
  throw new Failure(
    `${CATALOG} is written in a way that an import cannot change without changing something else`,
    "Write each entry in lines of its own, without anchors and aliases.",
  )
}

function newTools({ added, narrowing }: Differences): readonly FoundTool[] {
  return [...added, ...narrowing.map(({ tool }) => tool)]
}

/** `pinned` and its remark, by which a later run recognizes what has changed. */
export function pinRemark(parts: PinParts): string {
  return `of ${Object.entries(parts)
    .map(([part, hash]) => `${part} ${hash}`)
    .join(", ")}`
}

/**
 * The catalog that the changes are meant to produce; merge compares it with what the new text says. Only new entries
 * are parsed: an entry that was read holds seconds where the file has `30s`, so it is no text of a catalog any more.
 */
function expected(catalog: CatalogFile, differences: Differences, decisions: Decisions): CatalogFile {
  const { server, changed } = differences
  const tools = new Map(catalog.tools.map((tool) => [tool.name, tool]))
  for (const { tool } of changed) {
    const listed = tools.get(tool.name)
    if (listed && decisions.accepted.has(tool.name)) tools.set(tool.name, remarked(listed, tool))
  }
  for (const name of decisions.pruned) tools.delete(name)
  for (const tool of newTools(differences)) {
    const given = decisions.classes.get(tool.name)
    if (given === undefined) continue
    const { action, sensitivity, labels } = given
    const entry = { name: tool.name, action, sensitivity, labels, ...marked(tool) }
    for (const read of catalogFile.parse({ tools: [entry] }).tools) tools.set(tool.name, read)
  }
  const { servers } = catalogFile.parse({ servers: server ? [server] : [] })
  return { ...catalog, servers: [...catalog.servers, ...servers], tools: [...tools.values()] }
}

/** What a person wrote beside the mark stays. */
function remarked(listed: ListedTool, { mark }: FoundTool): ListedTool {
  if (mark.kind === "pin") return { ...listed, pinned: mark.hash }
  // What an entry matches is the operator's to say.
  if (mark.kind === "resource") return listed
  const { name, action, sensitivity } = listed
  const { kind: _kind, ...route } = mark
  const [read] = catalogFile.parse({ tools: [{ name, action, sensitivity, route }] }).tools
  return { ...listed, ...(read?.route && { route: { ...listed.route, ...read.route } }) }
}

function byName({ servers, tools }: CatalogFile) {
  return {
    servers: new Map(servers.map((server) => [server.name, server])),
    tools: new Map(tools.map((tool) => [tool.name, tool])),
    counts: [servers.length, tools.length],
  }
}

function marked({ mark }: FoundTool): Readonly<Record<string, unknown>> {
  if (mark.kind === "pin") return { ...promptOf(mark), pinned: mark.hash }
  if (mark.kind === "resource") return { resource: mark.pattern }
  const { kind: _kind, ...route } = mark
  return { route }
}

function linesOf(tool: FoundTool, { action, sensitivity, labels, mentions, isLookedAt }: Class): Lines {
  const lines = [
    `- ${field("name", tool.name)}`,
    `  ${field("action", action, isLookedAt ? reasonRemark(action, tool.suggestion) : suggestionRemark(tool.suggestion))}`,
    `  ${field("sensitivity", sensitivity, mentions === undefined ? undefined : `mentions "${mentions}"`)}`,
  ]
  if (labels.length > 0) lines.push(`  ${field("labels", labels)}`)
  const { mark } = tool
  if (mark.kind === "resource") return [...lines, `  ${field("resource", mark.pattern)}`]
  if (mark.kind === "pin") {
    const prompt = Object.values(promptOf(mark)).map((name) => `  ${field("prompt", name)}`)
    return [...lines, ...prompt, `  ${field("pinned", mark.hash, pinRemark(mark.parts))}`]
  }
  return [...lines, "  route:", ...routeFields(mark).map(([key, value]) => `    ${field(key, value)}`)]
}

/** What the source says of the tool, whatever class it got: a later reader sees which claim was taken. */
function reasonRemark(given: Action, { action, because }: Suggestion): string {
  return given === action ? `${action}: ${because}` : `suggested: ${action} (${because})`
}

function promptOf({ prompt }: Pin): { readonly prompt?: string } {
  return prompt === undefined ? {} : { prompt }
}

function suggestionRemark({ action, labels, because }: Suggestion): string {
  return `nobody has looked at it; suggested: ${[action, ...labels].join(" ")} (${because})`
}

function routeFields({ origin, methods, path, integers }: Route): [string, string | readonly string[]][] {
  return [
    ["origin", origin],
    ["methods", methods],
    ["path", path],
    ...(integers.length > 0 ? [["integers", integers] satisfies [string, readonly string[]]] : []),
  ]
}

function remark(text: CatalogText, index: number, { mark }: FoundTool, entry: ListedTool | undefined): void {
  if (mark.kind === "pin") return text.set("tools", index, "pinned", mark.hash, pinRemark(mark.parts))
  if (mark.kind === "resource") return
  for (const part of routeParts(mark, entry?.route)) {
    text.set("tools", index, part, mark[part], undefined, "route")
  }
}

/** Returns null if there is nothing to do. */
function differing({ mark }: FoundTool, entry: ListedTool, comment: string): ChangedTool["what"] | null {
  if (mark.kind === "route") {
    const parts = routeParts(mark, entry.route)
    return parts.length === 0 ? null : parts
  }
  if (mark.kind === "resource") return null
  if (entry.pinned === undefined) return "unpinned"
  return entry.pinned === mark.hash ? null : pinChanges(mark, comment)
}

function pinChanges({ parts }: Pin, comment: string): readonly string[] {
  const names = Object.keys(parts)
  const was = names.map((part) => new RegExp(`\\b${part} ([0-9a-f]{16}|-)(?:,|\\s|$)`, "u").exec(comment)?.[1])
  // The remark may have been edited, or belong to another pin; then it proves nothing.
  if (was.includes(undefined)) return []
  return names.filter((part, index) => was[index] !== parts[part])
}

const ROUTE_PARTS = ["origin", "methods", "path", "integers"] as const

function routeParts(route: Route, written: ListedTool["route"]): (typeof ROUTE_PARTS)[number][] {
  const sorted = (value: string | readonly string[] | undefined) =>
    typeof value === "string" ? value : value?.toSorted()
  return ROUTE_PARTS.filter((part) => !isDeepStrictEqual(sorted(route[part]), sorted(written?.[part])))
}

/** A server need not list what it has of resources, so their entries are never gone. */
function isOfSource({ name, route, resource }: ListedTool, { prefix, reached }: FoundTools): boolean {
  if (!name.startsWith(`${prefix}.`) || resource !== undefined) return false
  return reached.by === "server"
    ? !name.startsWith(`${prefix}.${LIFECYCLE_SEGMENT}.`)
    : route !== undefined && route.origin === reached.origin
}

function newServer({ prefix, reached }: FoundTools): NewServer | null {
  if (reached.by !== "server" || !reached.at) return null
  const { probe, ...place } = reached.at
  const probed = probe === undefined ? {} : { probe: { url: probe } }
  return { name: prefix, ...place, enforces_headers: reached.enforcesHeaders, ...probed }
}

/** A tool is reached through an MCP server or by routes, never both. */
function refuseOtherKind(catalog: CatalogFile, { prefix, reached }: FoundTools): void {
  const isServer = catalog.servers.some(({ name }) => name === prefix)
  if (reached.by === "routes" && isServer) {
    throw new Failure(
      `\`${prefix}\` is an MCP server in ${CATALOG}: its tools have no routes`,
      "Give another first segment by `--server`.",
    )
  }
  const routed = catalog.tools.find(({ name, route }) => route && name.startsWith(`${prefix}.`))
  if (reached.by === "server" && !isServer && routed) {
    throw new Failure(
      `\`${routed.name}\` in ${CATALOG} has a route, so \`${prefix}\` cannot be an MCP server`,
      "Give the server another name by `--server`.",
    )
  }
}

/** Names of the tools whose requests these already are. */
function meanings({ servers, tools }: CatalogFile): Overlaps<string> {
  const overlaps = new Overlaps<string>()
  for (const { name, route, resource } of tools) {
    const reached = route ?? (resource === undefined ? null : reachedByPattern(serverOf(name), resource))
    if (reached) overlaps.add(reached, name)
  }
  for (const { name, origin, path } of servers) overlaps.add({ origin, path, methods: METHODS }, name)
  return overlaps
}

function reachedBy({ mark }: FoundTool, { prefix }: FoundTools): Reached | null {
  if (mark.kind === "route") return mark
  return mark.kind === "resource" ? reachedByPattern(prefix, mark.pattern) : null
}

/**
 * @param entry that the tool already has: the tool takes nothing from itself, nor again what its present route takes
 */
function takenFrom({ mark }: FoundTool, taken: Overlaps<string>, entry?: ListedTool): readonly string[] {
  if (mark.kind !== "route") return []
  const already = new Set([entry?.name, ...(entry?.route ? taken.around(entry.route) : [])])
  return taken.around(mark).filter((name) => !already.has(name))
}

function serverWarnings(
  { at, enforcesHeaders }: Extract<FoundTools["reached"], { by: "server" }>,
  server: CatalogFile["servers"][number] | undefined,
  taken: Overlaps<string>,
): string[] {
  if (server === undefined) {
    const from = at ? taken.around({ ...at, methods: METHODS }) : []
    return from.map((name) => `requests for the endpoint have been taken for \`${name}\`, whose route is wider`)
  }
  if (server.enforces_headers === enforcesHeaders) return []
  return enforcesHeaders
    ? [`${CATALOG} does not say \`enforces_headers: true\` of \`${server.name}\`, as it now could`]
    : [
        `${CATALOG} says \`enforces_headers: true\` of \`${server.name}\`, which did not reject a request whose headers and body differ: remove it`,
      ]
}
