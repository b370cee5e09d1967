/**
 * Which calls a guardrail applies to: the properties of the tool are known when a bundle is compiled, the others with
 * each call.
 */
import { variantOf, type MeteredArguments } from "../catalog/arguments.ts"
import { patternCovers } from "../catalog/pattern.ts"
import { isBeyond, violation } from "../catalog/bounds/bounds.ts"
import type { ArgumentBounds } from "../catalog/bounds/definition.ts"
import { sensitivityRank, type Tool } from "../catalog/tool.ts"
import type { Selector } from "./definition.ts"
import type { CallFacts } from "./field.ts"

/** Returns whether calls of the tool can match. */
export function coversTool({ tools, actions, labels, sensitivity }: Selector, tool: Tool): boolean {
  return (
    tools.some((pattern) => patternCovers(pattern, tool.name)) &&
    (!actions || actions.includes(tool.action)) &&
    (!labels || labels.some((label) => tool.labels.includes(label))) &&
    (!sensitivity || sensitivityRank(tool.sensitivity) >= sensitivityRank(sensitivity))
  )
}

/**
 * Returns whether a call of a tool that matches does so, too.
 * @param unseen the result if its arguments cannot be evaluated: not all are visible, a name is spelled differently, or
 *   a value has another type than the bounds
 */
export function coversCall(selector: Selector, facts: Omit<CallFacts, "tool">, unseen: boolean): boolean {
  const { agents, purposes, environments, arguments: bounds } = selector
  if (agents && !agents.includes(facts.agent)) return false
  if (purposes && !purposes.includes(facts.purpose)) return false
  if (environments && !environments.includes(facts.environment)) return false
  return !bounds || (keepsTo(bounds, facts.arguments, null) ?? unseen)
}

/**
 * Null if it cannot be evaluated. One bound that is certainly broken suffices for false.
 * @param now milliseconds since the epoch; null for a guardrail, whose bounds depend on no time
 */
export function keepsTo(bounds: ArgumentBounds, metered: MeteredArguments, now: number | null): boolean | null {
  const { work } = metered
  const args = metered.draw(UNITS_OF_NAMES)
  const { complete, values } = args
  // An upstream may read `To` as `to`, so another spelling must not evade the guardrail.
  if (!complete || variantOf(args, new Set(Object.keys(bounds))) !== null) return null
  const all = Object.entries(bounds)
  const evaluable = all.filter(
    ([name, bound]) => !isBeyond(bound, Object.hasOwn(values, name) ? values[name] : undefined, { now, work }),
  )
  if (violation([Object.fromEntries(evaluable)], values, { now, work }) !== null) return false
  return evaluable.length === all.length ? true : null
}
/** Units of finding whether an argument is spelled otherwise (core/encoding/work.ts). */
const UNITS_OF_NAMES = 50
