/** The facts of the context that rules read, as a record shows them. */
import { decimalText } from "../policy/cedar/values/json-number.ts"
import { isEntity, isRecord, type CedarRecord, type Value } from "../policy/cedar/values/value.ts"
import { MAX_SHOWN } from "./fields/truncation.ts"

/**
 * Facts that other fields of a record contain: the task's id, purpose, calls and labels, the agents and the user, the
 * place, and the method. Those of `bounds` follow from the arguments, and would disclose something of redacted ones.
 */
const IN_OTHER_FIELDS: ReadonlySet<string> = new Set(
  ["agent", "chain", "user", "env", "arguments", "bounds", "bound_key"].concat(
    ["id", "purpose", "calls", "labels"].map((name) => `task.${name}`),
  ),
)

/**
 * @param context by which the rules were evaluated
 * @param read names that the rules for the tool read (LoweredRule.facts)
 * @returns the facts by their names in the context; null for an absent one
 */
export function shownFacts(context: CedarRecord, read: ReadonlySet<string>): Record<string, unknown> {
  return factsAt(context, read, (path) => !isInOtherField(path))
}

/** Returns the names that `shownFacts` reads. */
export function notRecorded(read: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...read].filter((path) => !isInOtherField(path)))
}

/** Does the same as `shownFacts`, including what other fields of a record contain. */
export function factsAt(
  context: CedarRecord,
  read: ReadonlySet<string>,
  isShown: (path: string) => boolean = () => true,
): Record<string, unknown> {
  const all = read.has("*") ? [...context.keys()] : [...read]
  const paths = all.flatMap((path) => spread(context, path)).filter(isShown)
  return Object.fromEntries(paths.toSorted().map((path): [string, unknown] => [path, toJson(valueAt(context, path))]))
}

/** Names the members one by one, so that those of other fields can be omitted. */
function spread(context: CedarRecord, path: string): readonly string[] {
  const value = context.get(path)
  return value !== undefined && isRecord(value) && path !== "arguments"
    ? [...value.keys()].map((name) => `${path}.${name}`)
    : [path]
}

function isInOtherField(path: string): boolean {
  const [first = ""] = path.split(".", 1)
  return IN_OTHER_FIELDS.has(first) || IN_OTHER_FIELDS.has(path)
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
  // No fact has another extension type.
  return value.kind === "decimal" ? decimalText(value) : null
}
