/**
 * What grants, bounds and windows mean, written anew and simply: the models that the tests hold the product against.
 */
import type { ArgumentBound, ArgumentBounds } from "../../src/core/catalog/bounds/definition.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { GrantDefinition } from "../../src/core/policy/definition/grant.ts"

const RANK: Readonly<Record<string, number>> = { public: 0, internal: 1, confidential: 2, restricted: 3 }

/** Whether one of the scopes, `<tool or prefix.*>:<action>`, is about the tool. */
export function inScopes(scopes: readonly string[], { name, action }: Pick<Tool, "name" | "action">): boolean {
  return scopes.some((scope) => {
    const [pattern = "", wanted = ""] = scope.split(":")
    const regex = new RegExp(`^${pattern.replaceAll(".", String.raw`\.`).replaceAll("*", ".+")}$`)
    return wanted === action && regex.test(name)
  })
}

export function inDefinition(definition: GrantDefinition, tool: Tool): boolean {
  return sensitivityWithin(tool, definition.max_sensitivity) && inScopes(definition.tools, tool)
}

export function sensitivityWithin(tool: Tool, limit: string): boolean {
  return (RANK[tool.sensitivity] ?? 9) <= (RANK[limit] ?? -1)
}

/** An entry `*` says that there is no argument but those with entries of their own, and none within them. */
export function meetsAll(all: readonly ArgumentBounds[], values: Readonly<Record<string, unknown>>): boolean {
  return all.every((bounds) => {
    const { "*": closed, ...named } = bounds
    if (closed && Object.keys(values).some((name) => !(name in named))) return false
    return Object.entries(named).every(([name, bound]) => meets(bound, values, name))
  })
}

function meets(bound: ArgumentBound, values: Readonly<Record<string, unknown>>, name: string): boolean {
  const value = new Map(Object.entries(values)).get(name)
  if (value === undefined && bound.optional) return true
  const checks: readonly (() => boolean)[] = [
    () => !("eq" in bound) || value === bound.eq,
    () => !bound.in || new Set<unknown>(bound.in).has(value),
    () => bound.min === undefined || (typeof value === "number" && value >= bound.min),
    () => bound.max === undefined || (typeof value === "number" && value <= bound.max),
    () => bound.like === undefined || (typeof value === "string" && wildcard(bound.like).test(value)),
    () => bound.max_length === undefined || lengthAtMost(value, bound.max_length),
    () => each(bound.path, value, (text, directories) => directories.some((each) => `${text}/`.startsWith(`${each}/`))),
    () => each(bound.email, value, (text, domains) => domains.some((domain) => text.endsWith(`@${domain}`))),
    () =>
      each(bound.cidr, value, (text, networks) => networks.some((each) => text.startsWith(each.split("0")[0] ?? ""))),
    () =>
      each(
        bound.quantity,
        value,
        (text, { max = "" }) => /^\d+ EUR$/.test(text) && parseInt(text, 10) <= parseInt(max, 10),
      ),
    () => each(bound.date, value, (text, { from = "", to = "" }) => text.length === 10 && from <= text && text <= to),
    () => each(bound.url, value, (text, { hosts }) => hosts.some((host) => text.startsWith(`https://${host}/`))),
  ]
  return checks.every((holds) => holds())
}

/** Of the plain values that random calls have here; what is odd in a value is tried by test/core/catalog/bounds. */
function each<Definition>(
  definition: Definition | undefined,
  value: unknown,
  holds: (text: string, definition: Definition) => boolean,
): boolean {
  if (definition === undefined) return true
  const items: readonly unknown[] = Array.isArray(value) ? value : [value]
  return items.length > 0 && items.every((item) => typeof item === "string" && holds(item, definition))
}

function lengthAtMost(value: unknown, limit: number): boolean {
  if (typeof value === "string") return Array.from(value).length <= limit
  return Array.isArray(value) && value.length <= limit
}

function wildcard(pattern: string): RegExp {
  const literals = pattern.split("*").map((literal) => literal.replaceAll(/[^a-z0-9]/gi, String.raw`\$&`))
  return new RegExp(`^${literals.join("[^]*")}$`)
}

/** The most admissions in any span of `milliseconds`; two that are exactly that far apart do not share one. */
export function busiestSpan(admissions: readonly number[], milliseconds: number): number {
  const counts = admissions.map((from) => admissions.filter((at) => at >= from && at < from + milliseconds).length)
  return Math.max(0, ...counts)
}
