/** The arguments in the path of a recorded request, which its record has even if no rule reads them. */
import { REDACTED } from "../../src/core/catalog/redaction.ts"
import type { RouteDefinition } from "../../src/core/catalog/route.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { ShownRecord } from "../remote/decision-record.ts"

type Shape = Pick<RouteDefinition, "path" | "methods" | "integers">

export class PathArguments {
  readonly #routes: ReadonlyMap<string, readonly Shape[]>

  constructor({ routes }: Pick<BundleBody, "routes">) {
    this.#routes = Map.groupBy(routes, ({ tool }) => tool)
  }

  /** All arguments that the record shows: what it calls arguments, and those in its path. */
  of({ tool, path, method, arguments: recorded, cut }: ShownRecord): Readonly<Record<string, unknown>> {
    if (tool === null || path === null || cut?.includes("path")) return recorded
    for (const route of this.#routes.get(tool) ?? []) {
      const found = method !== null && route.methods.includes(method) ? matched(route, path) : null
      if (found) return { ...found, ...recorded }
    }
    return recorded
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
