/**
 * Finds the tools that an ambiguous call may call. An observing gateway forwards the call nevertheless, and the
 * upstream may be less strict. So this reads as loosely as any upstream could, and finds too many tools rather than too
 * few.
 */
import type { Denial } from "../denials/denial.ts"
import { serverAt, type Catalog } from "./locate.ts"
import { decodeHeader } from "./mcp-message.ts"
import { catalogName, type McpServer } from "./mcp-server.ts"
import { lifecycleName, RESULT_TOOLS } from "./lifecycle.ts"
import { mayAskForOtherMethod } from "./method-in-body.ts"
import { METHOD_IN_HEADER } from "./method-override.ts"
import { endpointsAt } from "./endpoint.ts"
import { matchLoosely } from "./route.ts"
import type { CallRequest } from "./call-request.ts"

/** @returns names; empty if the call is of no tool of the catalog, however it is read */
export function possibleTools(catalog: Catalog, call: CallRequest, denial: Denial): readonly string[] {
  const { endpoints, routes, tools } = catalog
  // As it is written: another spelling may be a route's to an upstream that does not decode it.
  const exact = serverAt(catalog, call.origin, call.target)
  if (exact) return toolsOf(exact, tools, call)
  const segments = looseSegments(call.target)
  const named = endpointsAt(endpoints, call.origin, segments).flatMap(({ server }) => toolsOf(server, tools, call))
  // Whatever else is wrong with the call.
  const isAnyMethod = denial === METHOD_IN_HEADER || mayAskForOtherMethod(call)
  return [...new Set([...named, ...matchLoosely(routes, call.origin, isAnyMethod ? null : call.method, segments)])]
}

/** Regardless of the method: a server that reads the body of another method than POST takes it for a message too. */
function toolsOf(server: McpServer, tools: Catalog["tools"], call: CallRequest): readonly string[] {
  const named = namedIn(server, call)
  const entries = entriesIn(server, call)
  if (named !== null) return [...new Set([...named, ...entries])].filter((name) => tools.has(name))
  return [...tools.values()].filter((tool) => tool.server === server.name).map(({ name }) => name)
}

/**
 * All entries of the server's resources if the message may be about resources, likewise of its prompts, and all that
 * return results of other tools if it may ask for one: how a server reads a URI that was rejected is not known.
 */
function entriesIn(server: McpServer, { headers, body }: CallRequest): readonly string[] {
  const { resources = [], prompts = [] } = server
  const text = `${headers.mcpMethod ?? ""} ${body.kind === "whole" ? body.text : ""}`.toLowerCase()
  const mayMean = (word: string): boolean => text.includes(word) || text.includes("\\u")
  return [
    ...[...(mayMean("resource") ? resources : []), ...(mayMean("prompt") ? prompts : [])].map(({ tool }) => tool),
    ...(mayMean("task") || headers.lastEventId !== null ? RESULT_TOOLS : []).map((tool) =>
      lifecycleName(server.name, tool),
    ),
  ]
}

/**
 * Decodes the path twice, and drops what some readers cut off, skip or resolve; for the root it returns one empty
 * segment.
 */
function looseSegments(target: string): readonly string[] {
  const [path = ""] = decoded(decoded(target.split(/[?#]/, 1)[0] ?? ""))
    .replaceAll("\\", "/")
    .split(/[?#\0]/, 1)
  const segments: string[] = []
  for (const part of path.split("/")) {
    const [segment = ""] = part.includes(";") ? part.split(";", 1) : [part]
    if (segment === "..") segments.pop()
    else if (segment !== "" && segment !== ".") segments.push(segment)
  }
  return segments.length === 0 ? [""] : segments
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** A JSON string that can be a tool's name, some of its letters perhaps escaped. */
const NAME = /"((?:[A-Za-z0-9_.-]|\\u00[2-7][0-9A-Fa-f])+)"/g
/** More strings than a call needs. */
const MOST_NAMES = 10_000

/**
 * Returns all names that the body or the header could mean, in whichever member they are: a member may occur twice, in
 * another case, or in a batch. Null if there are so many that it may be any tool.
 */
function namedIn(server: McpServer, { headers, body }: CallRequest): readonly string[] | null {
  const names = [headers.mcpName === null ? null : decodeHeader(headers.mcpName)]
  if (body.kind === "whole") {
    for (const [, name = ""] of body.text.matchAll(NAME)) {
      if (names.length > MOST_NAMES) return null
      names.push(name.includes("\\") ? String(JSON.parse(`"${name}"`)) : name)
    }
  }
  return names.flatMap((name) => (name === null ? [] : (catalogName(server, name) ?? [])))
}
