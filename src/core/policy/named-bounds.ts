/**
 * Named bounds: what rules read as `context.bounds`, because Cedar computes nothing of a text. Each is true or false, or is
 * not there if its arguments cannot be judged: a rule that reads it then errs, so that a forbid denies and a permit does not
 * hold.
 */
import { argumentsNeeded, variantOf, type MeteredArguments } from "../catalog/arguments.ts"
import type { ArgumentBounds } from "../catalog/bounds/definition.ts"
import { deny, type Denied } from "../denials/denial.ts"
import { keepsTo } from "../guardrails/selector.ts"
import type { Bundle } from "./assemble.ts"
import type { EntityStore } from "./cedar/entities.ts"
import type { CedarRecord, EntityRef, Value } from "./cedar/values/value.ts"

export type NamedBounds = ReadonlyMap<string, ArgumentBounds>

/** Those that the rules for a tool read. */
export function namedBoundsFor(
  { bounds, engine }: Pick<Bundle, "bounds" | "engine">,
  action: EntityRef,
  resource: EntityRef,
  entities: EntityStore,
): NamedBounds {
  if (bounds.size === 0) return bounds
  const facts = engine.factsFor(action, resource, entities)
  const cached = readBy.get(facts)
  if (cached?.bounds === bounds) return cached.read
  const isAll = facts.has("*") || facts.has("bounds")
  const read = new Map([...bounds].filter(([name]) => isAll || facts.has(`bounds.${name}`)))
  readBy.set(facts, { bounds, read })
  return read
}
/** The policies for a tool read the same facts in all of its calls. */
const readBy = new WeakMap<ReadonlySet<string>, { readonly bounds: NamedBounds; readonly read: NamedBounds }>()

/** The arguments that they judge. */
export function argumentsJudgedBy(bounds: NamedBounds): readonly string[] {
  return [...bounds.values()].flatMap((each) => Object.keys(each))
}

/**
 * Null if there are none. The arguments must be complete, and none spelled otherwise, as for rules that read them.
 * @param now milliseconds since the epoch
 */
export function boundFacts(bounds: NamedBounds, metered: MeteredArguments, now: number): CedarRecord | Denied | null {
  if (bounds.size === 0) return null
  const names = argumentsJudgedBy(bounds)
  const args = metered.draw(names.length * UNITS_OF_NAME)
  if (!args.complete) return deny(argumentsNeeded(names, args))
  const variant = variantOf(args, new Set(names))
  if (variant !== null) return deny({ reason: "argument_variant", argument: variant })
  const facts = new Map<string, Value>()
  for (const [name, each] of bounds) {
    const keeps = keepsTo(each, metered, now)
    if (keeps !== null) facts.set(name, keeps)
  }
  return facts
}
/** Units of the name of an argument (core/encoding/work.ts). */
const UNITS_OF_NAME = 10
