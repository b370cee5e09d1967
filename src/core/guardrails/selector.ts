/** Which calls a guardrail is about: what the catalog says of the tool is known beforehand, the rest of each call. */
import { variantOf, type CallArguments } from "../catalog/arguments.ts"
import { patternCovers } from "../catalog/pattern.ts"
import { isBeyond, violation, type ArgumentBounds } from "../catalog/bounds.ts"
import { sensitivityRank, type Tool } from "../catalog/tool.ts"
import type { Selector } from "./definition.ts"
import type { CallFacts } from "./field.ts"

/** Whether calls of the tool can be such. */
export function coversTool({ tools, actions, labels, sensitivity }: Selector, tool: Tool): boolean {
  return (
    tools.some((pattern) => patternCovers(pattern, tool.name)) &&
    (!actions || actions.includes(tool.action)) &&
    (!labels || labels.some((label) => tool.labels.includes(label))) &&
    (!sensitivity || sensitivityRank(tool.sensitivity) >= sensitivityRank(sensitivity))
  )
}

/**
 * Whether the call of a tool that is covered is such.
 * @param unseen what is taken to be the case where its arguments cannot be judged: not all seen, written otherwise, of
 *   another type than the bounds speak of
 */
export function coversCall(selector: Selector, facts: Omit<CallFacts, "tool">, unseen: boolean): boolean {
  const { agents, purposes, environments, arguments: bounds } = selector
  if (agents && !agents.includes(facts.agent)) return false
  if (purposes && !purposes.includes(facts.purpose)) return false
  if (environments && !environments.includes(facts.environment)) return false
  return !bounds || (keepsTo(bounds, facts.arguments) ?? unseen)
}

/** Null: it cannot be judged. One bound that is plainly broken is enough: the call is none of these. */
function keepsTo(bounds: ArgumentBounds, args: CallArguments): boolean | null {
  const { complete, values } = args
  // The upstream may take `To` for `to`: whoever writes it otherwise must not get round the guardrail.
  if (!complete || variantOf(args, new Set(Object.keys(bounds))) !== null) return null
  const all = Object.entries(bounds)
  const judged = all.filter(([name, bound]) => !isBeyond(bound, Object.hasOwn(values, name) ? values[name] : undefined))
  if (violation([Object.fromEntries(judged)], values) !== null) return false
  return judged.length === all.length ? true : null
}
