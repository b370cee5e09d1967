/** Arguments that the catalog redacts: what replaces them, and where they are in a path. */
import { prefixedReadingsOf, readingsOf } from "../encoding/name-folding.ts"
import { disclosingMembers } from "../denials/denial.ts"
import type { CallArguments } from "./arguments.ts"
import type { Lookup } from "../encoding/lookup.ts"
import type { Segments } from "./route.ts"
import type { Tool } from "./tool.ts"

export const REDACTED = "[redacted]"

/**
 * Also true for a name that some upstream takes for a redacted one, such as `Text` or `[text]` for `text`, and for the
 * spelling of policies, `arguments.text`.
 */
export function isRedacted(name: string, redact: readonly string[]): boolean {
  if (redact.length === 0) return false
  const own = readingsOf(plain(name))
  // A name that may be read as any may be read as one of these.
  if (!own) return true
  const hidden = readingsOfRedacted(redact)
  return own.some((each) => hidden.has(each)) || prefixedReadingsOf(name).some((each) => hidden.has(each))
}

/** The catalog redacts the same names in each call of a tool, and a call may have many. */
function readingsOfRedacted(redact: readonly string[]): ReadonlySet<string> {
  let readings = ofRedacted.get(redact)
  if (!readings) ofRedacted.set(redact, (readings = new Set(redact.flatMap((name) => readingsOf(plain(name)) ?? []))))
  return readings
}
const ofRedacted = new WeakMap<readonly string[], ReadonlySet<string>>()

/** @param redact names of arguments, or null if it is not known what the catalog redacts: then no value is shown */
export function withoutRedacted(
  values: Readonly<Record<string, unknown>>,
  redact: readonly string[] | null,
): Readonly<Record<string, unknown>> {
  if (redact?.length === 0) return values
  const isShown = (name: string): boolean => redact !== null && !isRedacted(name, redact)
  const entries = Object.entries(values).map(([name, value]) => [name, isShown(name) ? value : REDACTED])
  return Object.fromEntries(entries)
}

const plain = (name: string): string => name.replace(/^(?:arguments\.)+/i, "")

/**
 * All arguments that the catalog redacts for any of the tools. A bound is the same for each tool of a grant, so a bound
 * that is shown for one of them discloses the argument that another redacts.
 */
export function redactedOfAny(names: Iterable<string>, tools: Lookup<Tool>): readonly string[] {
  return [...new Set(names)].flatMap((name) => tools.get(name)?.redact ?? [])
}

/** Returns a violated bound, such as `max 100`, without its value, which says what the argument has to be. */
export function withoutValue(bound: string): string {
  return `${bound.split(" ", 1)[0] ?? ""} ${REDACTED}`
}

/** The denial without the values of arguments that the catalog redacts. */
export function redactedDenial<D extends { readonly reason: string } | null>(denial: D, redact: readonly string[]): D {
  if (!denial || redact.length === 0) return denial
  const evidence: Readonly<Record<string, unknown>> = { ...denial }
  const hidden = disclosingMembers(denial).flatMap(([name, shows]) => {
    const value = evidence[name]
    const argument = shows.kind === "value" ? evidence[shows.of] : null
    const isHidden = typeof value === "string" && typeof argument === "string" && isRedacted(argument, redact)
    return isHidden ? [[name, withoutValue(value)]] : []
  })
  return hidden.length === 0 ? denial : Object.assign({}, denial, Object.fromEntries(hidden))
}

/**
 * Returns the bounds; those on redacted arguments show only their kinds.
 * @param redact names of arguments, or null if it is not known what the catalog redacts: then no bound shows a value
 */
export function openBounds(
  bounds: Readonly<Record<string, object>>,
  redact: readonly string[] | null,
): Readonly<Record<string, object>> {
  const entries = Object.entries(bounds).map(([name, bound]) => {
    const isHidden = redact === null || isRedacted(name, redact)
    return [name, isHidden ? Object.fromEntries(Object.keys(bound).map((kind) => [kind, REDACTED])) : bound]
  })
  return Object.fromEntries(entries)
}

/**
 * Separates the arguments that may be disclosed, even hashed, from the redacted ones: a hash of few possible values
 * discloses which it is.
 */
export function openArguments(
  args: CallArguments,
  redact: readonly string[],
): { readonly open: CallArguments; readonly redacted: readonly string[] } {
  const redacted = Object.keys(args.values).filter((name) => isRedacted(name, redact))
  if (redacted.length === 0) return { open: args, redacted }
  const values = Object.fromEntries(Object.entries(args.values).filter(([name]) => !redacted.includes(name)))
  return { open: { ...args, values }, redacted }
}

/** @param path raw, with as many parts as `segments` describes */
export function redactedPath(path: string, segments: Segments, redact: readonly string[]): string {
  if (!segments.some((name) => name !== null && isRedacted(name, redact))) return path
  const [root = "", ...parts] = path.split("/")
  const openParts = parts.map((part, index) => (isRedacted(segments[index] ?? "", redact) ? REDACTED : part))
  return [root, ...openParts].join("/")
}

export function redactedNames(tool: Pick<Tool, "redact">): ReadonlySet<string> {
  let names = namesOf.get(tool)
  if (!names) namesOf.set(tool, (names = new Set(tool.redact.map(plain))))
  return names
}
const namesOf = new WeakMap<Pick<Tool, "redact">, ReadonlySet<string>>()
