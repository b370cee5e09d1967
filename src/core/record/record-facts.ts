/** The live facts that rules looked at, as a record shows them. */
import { isEntity, isRecord, type CedarRecord, type Value } from "../policy/cedar/values/value.ts"
import { MAX_SHOWN } from "./fields/truncation.ts"

/** A record says these anyway: of `task` its id, purpose, calls and labels, who acts for whom, where, and how. */
const TOLD: ReadonlySet<string> = new Set(
  ["agent", "chain", "user", "env", "arguments", "bound_key"].concat(
    ["id", "purpose", "calls", "labels"].map((name) => `task.${name}`),
  ),
)

/**
 * @param context that the rules were asked with
 * @param read by the rules for the tool (LoweredRule.facts)
 * @returns by the name of each in the context; null for one that was not there
 */
export function shownFacts(context: CedarRecord, read: ReadonlySet<string>): Record<string, unknown> {
  return factsAt(context, read, (path) => !isTold(path))
}

/** Those of them that `shownFacts` would look at. */
export function notRecorded(read: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...read].filter((path) => !isTold(path)))
}

/** As `shownFacts`, with what a record says anyway. */
export function factsAt(
  context: CedarRecord,
  read: ReadonlySet<string>,
  isShown: (path: string) => boolean = () => true,
): Record<string, unknown> {
  const all = read.has("*") ? [...context.keys()] : [...read]
  const paths = all.flatMap((path) => spread(context, path)).filter(isShown)
  return Object.fromEntries(paths.toSorted().map((path): [string, unknown] => [path, toJson(valueAt(context, path))]))
}

/** Member by member, so that what is told elsewhere can be left out. */
function spread(context: CedarRecord, path: string): readonly string[] {
  const value = context.get(path)
  return value !== undefined && isRecord(value) && path !== "arguments"
    ? [...value.keys()].map((name) => `${path}.${name}`)
    : [path]
}

function isTold(path: string): boolean {
  const [first = ""] = path.split(".", 1)
  return TOLD.has(first) || TOLD.has(path)
}

function valueAt(context: CedarRecord, path: string): Value | undefined {
  const [first = "", ...rest] = path.split(".")
  const value = context.get(first)
  if (rest.length === 0 || value === undefined) return value
  return isRecord(value) ? value.get(rest.join(".")) : value
}

function toJson(value: Value | undefined): unknown {
  if (value === undefined) return null
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value !== "object") return value
  if (isEntity(value)) return value.key
  if (isRecord(value))
    return Object.fromEntries([...value].slice(0, MAX_SHOWN).map(([name, one]) => [name, toJson(one)]))
  if (value.kind === "set") return [...value.members.values()].slice(0, MAX_SHOWN).map(toJson)
  // None of the facts is of an extension type.
  return null
}
