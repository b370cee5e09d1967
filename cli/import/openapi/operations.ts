/**
 * Makes tools with routes of operations. An operation that a route cannot express is reported and left out: a route
 * that is nearly right would take one request for another.
 */
import { isObject } from "../../../src/core/encoding/json.ts"
import type { Action } from "../../../src/core/catalog/tool.ts"
import { Overlaps } from "../../compiler/model/route-overlaps.ts"
import { catalogFile } from "../../compiler/schema/catalog.ts"
import type { FoundTools, FoundTool, Route, Skipped } from "../found-tools.ts"
import { typed } from "../argument-types.ts"
import { inputsOf } from "./arguments.ts"
import { nameOf } from "./name.ts"
import { parametersOf, withPathItem } from "./parameters.ts"
import { resolve } from "./reference.ts"
import { routePath } from "./route-path.ts"
import type { Members, Read } from "./types.ts"

export interface Reading {
  readonly document: Members
  readonly file: string
  readonly version: string
  readonly prefix: string
  readonly origin: string
  /** Precedes the paths of the operations; no slash at its end. */
  readonly base: string
}

/** More than the largest API that anybody imports whole. */
const MOST_OPERATIONS = 5_000

/** HEAD is judged as the GET that it stands for (RFC 9110, section 9.3.2). No route can have TRACE. */
const VERBS: readonly Verb[] = [
  { method: "get", route: "GET", suggested: "read" },
  { method: "head", route: "GET", suggested: "read" },
  { method: "options", route: "OPTIONS", suggested: "read" },
  { method: "put", route: "PUT", suggested: "write" },
  { method: "post", route: "POST", suggested: "write" },
  { method: "patch", route: "PATCH", suggested: "write" },
  { method: "delete", route: "DELETE", suggested: "execute" },
  { method: "trace", route: null, suggested: "execute" },
]

interface Verb {
  /** As a document writes it. */
  readonly method: string
  readonly route: string | null
  readonly suggested: Action
}

interface Operation {
  readonly verb: Verb
  readonly path: string
  /** `GET /tickets/{ticket}`. */
  readonly label: string
  readonly operation: Members
  readonly item: Members
}

interface Taken {
  readonly label: string
  readonly tool: FoundTool
  readonly route: Route
}

export function toolsOf(reading: Reading): Read {
  const { document, file, version, prefix, origin } = reading
  const { paths } = document
  if (!isObject(paths))
    return { message: `${file} has no \`paths\``, fix: "Name a document that describes operations." }
  const skipped: Skipped[] = []
  const notes: string[] = []
  const operations = operationsOf(document, paths, skipped)
  if (operations.length > MOST_OPERATIONS) {
    return {
      message: `${file} has ${operations.length} operations; ${MOST_OPERATIONS} are the most that are read`,
      fix: "Take the operations that agents need into a document of their own.",
    }
  }
  const taken: Taken[] = []
  /** Requests that no tool stands for: a route must not match any of them. */
  const untaken: { readonly label: string; readonly methods: readonly string[]; readonly pattern: string }[] = []
  for (const each of operations) {
    const read = toolOf(each, reading, notes)
    if ("tool" in read) {
      taken.push(read)
      continue
    }
    skipped.push({ what: each.label, why: read.why })
    const { route } = each.verb
    if (route) untaken.push({ label: each.label, methods: [route], pattern: wildcards(reading.base + each.path) })
  }
  const withheld: string[] = []
  const distinctTools = distinct(taken, (each, why) => {
    withheld.push(each.tool.name)
    skipped.push({ what: each.label, why })
    untaken.push({ label: each.label, methods: each.route.methods, pattern: each.route.path })
  })
  for (const { label, methods, pattern } of untaken) {
    const other = distinctTools.find(
      ({ route }) => methods.some((method) => route.methods.includes(method)) && fits(pattern, route),
    )
    if (other) notes.push(`a request for \`${label}\`, which is left out, would be taken for \`${other.tool.name}\``)
  }
  const tools = distinctTools.map(({ tool }) => tool)
  const found: FoundTools = {
    prefix,
    source: `${file}, ${version}`,
    reached: { by: "routes", origin },
    tools,
    withheld,
    skipped,
    refused: [],
    notes,
  }
  return { found }
}

function operationsOf(document: Members, paths: Members, skipped: Skipped[]): Operation[] {
  const operations: Operation[] = []
  for (const [path, written] of Object.entries(paths)) {
    if (path.startsWith("x-")) continue
    const resolved = resolve(document, written)
    if ("unresolved" in resolved || !isObject(resolved.value)) {
      skipped.push({ what: path, why: "unresolved" in resolved ? `it is ${resolved.unresolved}` : "it is no map" })
      continue
    }
    const item = resolved.value
    for (const verb of VERBS) {
      const { method } = verb
      const operation = Object.hasOwn(item, method) ? item[method] : undefined
      // A report of a GET includes its HEAD.
      if (operation === undefined || (method === "head" && Object.hasOwn(item, "get"))) continue
      const label = `${method.toUpperCase()} ${path}`
      if (isObject(operation)) operations.push({ verb, path, label, operation, item })
      else skipped.push({ what: label, why: "it is no map" })
    }
  }
  return operations
}

function toolOf(
  { verb, path, label, operation, item }: Operation,
  { document, prefix, origin, base }: Reading,
  notes: string[],
): Taken | { readonly why: string } {
  const { method, route: routed, suggested } = verb
  if (routed === null) return { why: "a route has no such method" }
  if (operation["servers"] !== undefined || item["servers"] !== undefined) {
    return { why: "it has `servers` of its own, so it is reached elsewhere" }
  }
  const written = routePath(base + path)
  if ("why" in written) return written
  const parameters = parametersOf(document, withPathItem(operation, item))
  if ("why" in parameters) return parameters
  const name = nameOf(prefix, operation["operationId"], method, path)
  const inPath = parameters.integers.path.flatMap((own) => written.renamed.get(own) ?? [])
  const inQuery = parameters.integers.query.filter((own) => !written.names.has(own))
  const route: Route = {
    kind: "route",
    origin,
    methods: [routed],
    path: written.path,
    integers: [...new Set([...inPath, ...inQuery])],
  }
  const refused = refusedBySchema(name, route)
  if (refused) return { why: refused }
  for (const [own, ours] of written.renamed) {
    // Once for all operations: the notes on requests that are taken for others have to be seen.
    const note = `the path parameter \`${own}\` is called \`${ours}\` in the catalog`
    if (own !== ours && !notes.includes(note)) notes.push(note)
  }
  const twice = [...written.names].find((each) => parameters.elsewhere.has(each))
  if (twice !== undefined) {
    notes.push(
      `\`${label}\`: \`${twice}\` is an argument of the path and of the query or body too; a call that has both is denied, so rename \`{${twice}}\` in the route`,
    )
  }
  if (parameters.unplain.length > 0) {
    const names = parameters.unplain.map((each) => `\`${each}\``).join(", ")
    notes.push(
      `\`${label}\`: ${names} is no plain name in a query; list it in \`query_names\` of the route if something reads arguments of the tool`,
    )
  }
  for (const each of parameters.unknown)
    notes.push(`\`${label}\`: ${each}, so an integer may be missing from \`integers\``)
  const summary = [operation["summary"], operation["description"]].find((each) => typeof each === "string") ?? ""
  const pathTypes = Array.from(
    written.renamed,
    ([own, ours]) => [ours, parameters.types.path.get(own) ?? typed("String")] as const,
  )
  const suggestion = { action: suggested, labels: [], because: method.toUpperCase() }
  const tool: FoundTool = {
    name,
    description: `${label}${summary === "" ? "" : `: ${summary}`}`,
    suggestion,
    unseen: { action: "execute", labels: [] },
    mark: route,
    inputs: inputsOf(document, operation, new Map(pathTypes), parameters.types.query),
    required: [...written.names],
  }
  return { label, tool, route }
}

/** The schema decides whether the catalog can hold the tool; returns why not, or null. */
function refusedBySchema(name: string, { kind: _kind, ...route }: Route): string | null {
  const parsed = catalogFile.safeParse({ tools: [{ name, action: "execute", sensitivity: "restricted", route }] })
  if (parsed.success) return null
  const [issue] = parsed.error.issues
  return `the catalog cannot hold its ${String(issue?.path.at(-1) ?? "route")}: ${issue?.message ?? "not usable"}`
}

/** Returns the tools whose name and request are unique: the document does not say which of two is meant. */
function distinct(taken: readonly Taken[], leaveOut: (each: Taken, why: string) => void): Taken[] {
  const byName = Map.groupBy(taken, ({ tool }) => tool.name)
  const overlaps = new Overlaps<Taken>()
  for (const each of taken) overlaps.add(each.route, each)
  return taken.filter((each) => {
    const named = byName.get(each.tool.name)?.find((other) => other !== each)
    const meant = overlaps.clashing(each.route).find((other) => other !== each)
    if (meant) leaveOut(each, `the same request could mean \`${meant.label}\``)
    else if (named)
      leaveOut(
        each,
        `\`${named.label}\` would have the same name, \`${each.tool.name}\`: give each an operationId of its own`,
      )
    return !meant && !named
  })
}

/** A part that is no plain segment could match any. */
function wildcards(path: string): string {
  return path.replaceAll(/[^/]*\{[^/]*/gu, "{}")
}

function fits(pattern: string, { path, integers }: Route): boolean {
  const [a, b] = [pattern.split("/"), path.split("/")]
  const either = (x: string, y: string) =>
    x === y || x.startsWith("{") || (y.startsWith("{") && (!integers.includes(y.slice(1, -1)) || /\d/u.test(x)))
  return a.length === b.length && a.every((segment, index) => either(segment, b[index] ?? ""))
}
