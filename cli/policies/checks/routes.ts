/** A request leads to one tool: routes and MCP endpoints may not overlap, and a gateway must serve them. */
import type { Policies } from "../policies.ts"
import type { Problem } from "../problem.ts"
import { suggest } from "../nearest.ts"
import type { Path } from "../source.ts"

interface Reached {
  readonly origin: string
  readonly methods: readonly string[]
  readonly path: string
}

interface Endpoint extends Reached {
  readonly owner: string
  /** Of the origin and of the path, in catalog.yaml. */
  readonly at: Path
}

/** Streamable HTTP: POSTed messages, the GET that opens a stream, the DELETE that ends a session. */
const MCP_METHODS = ["GET", "POST", "DELETE"]

export function checkRoutes({ catalog, gateways }: Policies): Problem[] {
  const origins = new Set(gateways.value.gateways.flatMap((gateway) => gateway.origins))
  const endpoints = endpointsOf(catalog.value)
  return endpoints.flatMap((endpoint, index) => {
    const problems: Problem[] = []
    if (!origins.has(endpoint.origin)) {
      const mend = suggest(endpoint.origin, origins, "Add the origin to a gateway.")
      problems.push(catalog.error([...endpoint.at, "origin"], `no gateway serves \`${endpoint.origin}\``, mend))
    }
    const other = endpoints.slice(0, index).find((earlier) => clash(earlier, endpoint))
    if (other) {
      const message = `the same request could mean \`${other.owner}\` and \`${endpoint.owner}\``
      problems.push(
        catalog.error([...endpoint.at, "path"], message, "Change the path, the methods or the origin of one."),
      )
    }
    return problems
  })
}

function endpointsOf({ servers, tools }: Policies["catalog"]["value"]): Endpoint[] {
  return [
    ...servers.map(({ name, origin, path }, index) => ({
      owner: name,
      at: ["servers", index],
      origin,
      methods: MCP_METHODS,
      path,
    })),
    ...tools.flatMap(({ name, route }, index) =>
      route ? [{ owner: name, at: ["tools", index, "route"], ...route }] : [],
    ),
  ]
}

/** Some request could be meant for either. */
export function clash(a: Reached, b: Reached): boolean {
  return a.origin === b.origin && a.methods.some((method) => b.methods.includes(method)) && ambiguous(a.path, b.path)
}

/**
 * Some path fits both, and neither is the more special one: `/a/{x}` beside `/a/b` is plain (the literal wins),
 * `/a/{x}` beside `/{y}/b` is not.
 */
function ambiguous(a: string, b: string): boolean {
  if (differInLiteral(a, b)) return false
  const pairs = pair(a.split("/"), b.split("/"))
  if (!pairs || !pairs.every(([x, y]) => x === y || isParameter(x) || isParameter(y))) return false
  const aIsSpecial = pairs.some(([x, y]) => !isParameter(x) && isParameter(y))
  const bIsSpecial = pairs.some(([x, y]) => isParameter(x) && !isParameter(y))
  return aIsSpecial === bIsSpecial
}

/**
 * What can be seen without taking them apart, of nearly every two of thousands of routes: the first difference is one
 * of literals.
 */
function differInLiteral(a: string, b: string): boolean {
  let at = 0
  while (at < a.length && a[at] === b[at]) at++
  if (at === a.length && at === b.length) return false
  const segment = a.lastIndexOf("/", at - 1) + 1
  return a[segment] !== "{" && b[segment] !== "{"
}

function pair(a: readonly string[], b: readonly string[]): [string, string][] | undefined {
  return a.length === b.length ? a.map((segment, index) => [segment, b[index] ?? ""]) : undefined
}

function isParameter(segment: string): boolean {
  return segment.startsWith("{")
}
