/** The arguments in the path of a recorded request, which its record has even if no rule reads them. */
import { REDACTED } from "../../src/core/catalog/redaction.ts"
import type { RouteDefinition } from "../../src/core/catalog/route.ts"
import type { ShownRecord } from "../remote/decision-record.ts"

type Shape = Pick<RouteDefinition, "path" | "methods" | "integers">

export class PathArguments {
  readonly #routes: ReadonlyMap<string, readonly Shape[]>

  constructor(routes: Iterable<RouteDefinition>) {
    this.#routes = Map.groupBy(routes, ({ tool }) => tool)
  }

  /** The record with the arguments in its path among the others. */
  shownIn(record: ShownRecord): ShownRecord {
    const { tool, path, method, arguments: recorded, arguments_omitted: omitted, cut } = record
    if (record.kind !== "call" || tool === null || path === null || method === null) return record
    // If they were not all seen, nothing says whether a rule could have read these.
    if (omitted === null || cut?.includes("path")) return record
    for (const route of this.#routes.get(tool) ?? []) {
      const found = route.methods.includes(method) ? matched(route, path) : null
      if (!found) continue
      const added = Object.keys(found).filter((name) => !Object.hasOwn(recorded, name)).length
      return { ...record, arguments: { ...found, ...recorded }, arguments_omitted: Math.max(0, omitted - added) }
    }
    return record
  }
}

function matched({ path: template, integers }: Shape, path: string): Readonly<Record<string, unknown>> | null {
  const [expected, actual] = [template.split("/"), path.split("/")]
  if (expected.length !== actual.length) return null
  const values: [string, unknown][] = []
  for (const [index, part] of expected.entries()) {
    const segment = actual[index] ?? ""
    const name = /^\{(.+)\}$/u.exec(part)?.[1]
    if (name === undefined) {
      if (segment !== part) return null
      continue
    }
    const value = segment === REDACTED ? segment : decoded(segment)
    if (value === null) return null
    values.push([name, integers.includes(name) && /^\d{1,15}$/u.test(value) ? Number(value) : value])
  }
  return Object.fromEntries(values)
}

function decoded(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}
