/**
 * HTTP routes: origin, method and path → tool, with the arguments from the path, the query and a JSON body. A literal
 * segment takes precedence over a parameter, whatever their order in the catalog.
 */
import { deny, type Denied } from "../denials/denied.ts"
import { NO_ARGUMENTS, UNSEEN, unseenOf, type CallArguments, type Unseen } from "./arguments.ts"
import { foldName, foldCase } from "../encoding/name-folding.ts"
import { isJsonType, isObject } from "../encoding/json.ts"
import type { Target } from "./path.ts"
import { unplainPart } from "./query-names.ts"
import type { Body, CallHeaders } from "./call-request.ts"
import { parseCallBody } from "./json-body.ts"

export interface RouteDefinition {
  readonly tool: string
  /** A public origin, one of a gateway's. */
  readonly origin: string
  readonly methods: readonly string[]
  /** `/tickets/{ticket}/comments`; `{name}` is one whole, non-empty segment and becomes an argument. */
  readonly path: string
  /** Path and query arguments that are integers rather than strings. */
  readonly integers: readonly string[]
  /** Names that its query may have besides plain ones, such as `filter[status]` and `$top`; absent if none. */
  readonly query_names?: readonly string[]
}

interface Node {
  readonly literals: Map<string, Node>
  /** The literals by how less strict readers read them (`looseReadings`). */
  readonly folded: Map<string, Node[]>
  parameter: Node | undefined
  route: { readonly definition: RouteDefinition; readonly segments: Segments } | undefined
}

/** Name of the argument that each segment of a path is; null for a literal. */
export type Segments = readonly (string | null)[]

export interface RouteMatch {
  readonly definition: RouteDefinition
  readonly segments: Segments
  readonly parameters: readonly (readonly [name: string, value: string])[]
  /**
   * True if the path is that of another tool's route to some readers: `EXPORT` beside `/tickets/export`; or a value of
   * this route and an integer of the other (`/releases/tags/assets` for `/releases/tags/{tag}` beside
   * `/releases/{release}/assets`), which the other's upstream may not check before it has chosen; or a literal of this
   * route that is written otherwise (`/tickets/%65xport`), which Express takes for a value, also of a route that the
   * catalog does not have.
   */
  readonly isAmbiguous: boolean
}

export type RouteTable = ReadonlyMap<string, Node>

const newNode = (): Node => ({ literals: new Map(), folded: new Map(), parameter: undefined, route: undefined })
const tableKey = (origin: string, method: string): string => `${method} ${origin}`

/** Throws if two routes match the same request. The build rejects such a catalog, so that is a defect. */
export function buildRouteTable(definitions: readonly RouteDefinition[]): RouteTable {
  const table = new Map<string, Node>()
  for (const definition of definitions) {
    for (const method of definition.methods) {
      const key = tableKey(definition.origin, method)
      let node = table.get(key)
      if (!node) table.set(key, (node = newNode()))
      const segments: (string | null)[] = []
      for (const segment of definition.path.slice(1).split("/")) {
        const name = /^\{(.+)\}$/.exec(segment)?.[1] ?? null
        segments.push(name)
        if (name !== null) {
          node = node.parameter ??= newNode()
        } else {
          let next = node.literals.get(segment)
          if (!next) {
            node.literals.set(segment, (next = newNode()))
            const folded = foldCase(segment)
            node.folded.set(folded, [...(node.folded.get(folded) ?? []), next])
          }
          node = next
        }
      }
      if (node.route) throw new Error(`two routes match ${method} ${definition.path}`)
      node.route = { definition, segments }
    }
  }
  return table
}

/** HEAD is answered as GET without its content (RFC 9110, section 9.3.2), so it calls the same tool. */
export function matchRoute(
  table: RouteTable,
  origin: string,
  method: string,
  target: Pick<Target, "segments" | "path">,
): RouteMatch | null {
  const root = table.get(tableKey(origin, method === "HEAD" ? "GET" : method))
  if (!root) return null
  const way: Way = { values: [], isLoose: false, isForked: false }
  const found = descend(root, target.segments, 0, way)
  if (!found?.route) return null
  const { definition, segments } = found.route
  const names = segments.filter((name) => name !== null)
  const parameters = names.map((name, index) => [name, way.values[index] ?? ""] as const)
  const isOther = ({ route, isLoose }: LooseRoute): boolean =>
    route.definition.tool !== definition.tool && (isLoose || !isWider(route.segments, segments))
  return {
    definition,
    segments,
    parameters,
    isAmbiguous:
      isRespelled(segments, target) ||
      ((way.isLoose || way.isForked) && looseRoutes(root, target.segments).some(isOther)),
  }
}

/** Whether a literal is not written as the route has it. */
function isRespelled(names: Segments, { path, segments }: Pick<Target, "segments" | "path">): boolean {
  if (!path.includes("%")) return false
  const written = path.slice(1).split("/")
  return names.some((name, index) => name === null && written[index] !== segments[index])
}

/** Returns the tools that some reader may find at this path. @param method null for any method */
export function matchLoosely(
  table: RouteTable,
  origin: string,
  method: string | null,
  segments: readonly string[],
): readonly string[] {
  const isMatched = (key: string): boolean =>
    method === null ? key.endsWith(tableKey(origin, "")) : key === tableKey(origin, method === "HEAD" ? "GET" : method)
  const found = [...table].flatMap(([key, root]) => (isMatched(key) ? looseRoutes(root, segments) : []))
  return [...new Set(found.map(({ route }) => route.definition.tool))]
}

/** Whether the route has a parameter at each of its places at which the other has one, and at more. */
function isWider(route: Segments, other: Segments): boolean {
  return other.every((name, index) => name === null || route[index] !== null)
}

interface LooseRoute {
  readonly route: NonNullable<Node["route"]>
  /** One of its literals is written otherwise in the path. */
  readonly isLoose: boolean
}

/** Returns every route that some reader may match with the path. */
function looseRoutes(root: Node, segments: readonly string[]): readonly LooseRoute[] {
  let found: readonly { readonly node: Node; readonly isLoose: boolean }[] = [{ node: root, isLoose: false }]
  for (const segment of segments) {
    if (found.length === 0) return []
    found = found.flatMap(({ node: { literals, folded, parameter }, isLoose }) => {
      const exact = literals.get(segment)
      const alike = exact ? [] : looseReadings(segment).flatMap((each) => folded.get(each) ?? [])
      return [
        ...(exact ? [{ node: exact, isLoose }] : []),
        ...alike.map((node) => ({ node, isLoose: true })),
        ...(parameter && segment !== "" ? [{ node: parameter, isLoose }] : []),
      ]
    })
  }
  return found.flatMap(({ node: { route }, isLoose }) => (route ? [{ route, isLoose }] : []))
}

/** Express and ASP.NET ignore case, IIS drops dots and blanks at the end, Rails a suffix such as `.json`. */
export function looseReadings(segment: string): readonly string[] {
  const whole = foldCase(segment).trimStart()
  // By hand: a pattern that looks for them at the end would start at each of thousands of dots.
  let end = whole.length
  while (end > 0 && ". ".includes(whole.charAt(end - 1))) end -= 1
  const folded = whole.slice(0, end)
  const [first, last] = [folded.indexOf("."), folded.lastIndexOf(".")]
  return first < 0 ? [folded] : [...new Set([folded, folded.slice(0, first), folded.slice(0, last)])]
}

/** A route with several methods occurs once for each. */
export function allRoutes(table: RouteTable): readonly NonNullable<Node["route"]>[] {
  return [...table.values()].flatMap(routesBelow)
}

function routesBelow({ route, literals, parameter }: Node): readonly NonNullable<Node["route"]>[] {
  const below = [...literals.values(), ...(parameter ? [parameter] : [])].flatMap(routesBelow)
  return route ? [route, ...below] : below
}

interface Way {
  /** Values of the parameters. */
  readonly values: string[]
  /** True if one of the values may be a literal beside its parameter. */
  isLoose: boolean
  /** True if one of the literals may be the value of a parameter beside it. */
  isForked: boolean
}

function descend(node: Node, segments: readonly string[], index: number, way: Way): Node | null {
  const segment = segments[index]
  if (segment === undefined) return node.route ? node : null
  const literal = node.literals.get(segment)
  way.isForked ||= literal !== undefined && node.parameter !== undefined
  const found = literal && descend(literal, segments, index + 1, way)
  if (found) return found
  if (!node.parameter || segment === "") return null
  way.isLoose ||= node.folded.size > 0 && looseReadings(segment).some((each) => node.folded.has(each))
  way.values.push(segment)
  const below = descend(node.parameter, segments, index + 1, way)
  if (!below) way.values.pop()
  return below
}

const INTEGER = /^-?(?:0|[1-9][0-9]{0,15})$/

/**
 * Reads the path, the query and the members of a JSON object in the body. Each name may occur once over all three: a
 * name that occurs twice could mean one thing here and another upstream. A body of another type leaves the arguments
 * incomplete.
 */
export function routeArguments(
  match: RouteMatch,
  target: Target,
  body: Body,
  headers: Pick<CallHeaders, "contentType">,
): CallArguments | Denied {
  // A Map, then Object.fromEntries: an argument named `__proto__` is an argument like any other.
  const values = new Map<string, unknown>()
  const names = new Map<string, Set<string>>()
  const refuse = (what: string): Denied => deny({ reason: "target_ambiguous", what })
  const { integers, query_names = [] } = match.definition
  for (const [name, text] of [...match.parameters, ...target.query]) {
    if (!addName(names, name)) return refuse("an argument stands twice, or two that some readers take for one")
    const value = text ?? ""
    const integer = integers.includes(name)
    if (integer && !(INTEGER.test(value) && Number.isSafeInteger(Number(value)))) {
      return refuse("an argument is not an integer")
    }
    values.set(name, integer ? Number(value) : value)
  }
  if (body.kind === "binary" && isJsonType(headers.contentType)) {
    return deny({ reason: "body_rejected", what: "it is not UTF-8" })
  }
  let unseen: Unseen | null = UNSEEN_BODY[body.kind]
  if (body.kind === "whole" && body.text !== "") {
    const json = isJsonType(headers.contentType) ? parseCallBody(body.text) : null
    if (json && "denied" in json) return json
    const object = json && isObject(json.json) ? json.json : null
    if (!json) unseen = UNSEEN.type
    else unseen = object ? unseenOf(body.text, json.isExact) : UNSEEN.form
    const members = !unseen && object ? Object.entries(object) : []
    for (const [name, value] of members) {
      if (names.has(foldName(name))) return refuse("an argument stands in the body and in the URL")
      values.set(name, value)
    }
  }
  const unplain = unplainPart(target, query_names)
  if (!unseen && values.size === 0 && unplain === null) return NO_ARGUMENTS
  const objections = { ...(unplain !== null && { unplain }), ...(unseen && { unseen }) }
  return { complete: !unseen, values: Object.fromEntries(values), ...objections }
}

const UNSEEN_BODY: Readonly<Record<Body["kind"], Unseen | null>> = {
  whole: null,
  binary: UNSEEN.type,
  withheld: UNSEEN.withheld,
}

/**
 * Returns false if the name is there already. Members of one argument (`filter[a]`, `filter[b]`) may each occur once.
 */
function addName(names: Map<string, Set<string>>, name: string): boolean {
  const [base, whole] = [foldName(name), foldCase(name)]
  const spellings = names.get(base)
  if (!spellings) return names.set(base, new Set([whole])).size > 0
  if (spellings.has(whole) || spellings.has(base) || whole === base) return false
  spellings.add(whole)
  return true
}
