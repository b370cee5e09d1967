/** Argument bounds that no value can meet: the grant would silently cover nothing, the guardrail hold for nothing. */
import { brokenBy } from "../../../src/core/catalog/bounds/bounds.ts"
import type { ArgumentBound, ArgumentBounds } from "../../../src/core/catalog/bounds/definition.ts"
import { meaningsOf } from "../../../src/core/catalog/bounds/kinds.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { Path, Source } from "../source/source.ts"
import { grantsOf } from "./grants.ts"
import { selectorsOf } from "./guardrails.ts"

export function checkBounds({ agents, catalog, guardrails }: Policies): Problem[] {
  return [
    ...grantsOf(agents.value).flatMap(({ path, grant }) => inBounds(agents, path, grant.arguments, grant.closed)),
    ...catalog.value.bounds.flatMap((named, index) => inBounds(catalog, ["bounds", index], named.arguments)),
    ...selectorsOf(guardrails.value).flatMap(({ path, selector }) =>
      inBounds(guardrails, path, selector.arguments ?? {}).concat(ofToday(guardrails, path, selector.arguments ?? {})),
    ),
  ]
}

/** A guardrail counts calls of several days, of which each would have its own `today`. */
function ofToday(source: Source<unknown>, path: Path, bounds: ArgumentBounds): Problem[] {
  return Object.entries(bounds).flatMap(([name, bound]) => {
    if (!meaningsOf(bound).some(({ kind, definition }) => kind.dependsOnTime?.(definition))) return []
    const message = `the bound of \`${name}\` depends on the day of the call, and a guardrail counts for longer`
    return [source.keyError([...path, "arguments", name], message, "Write dates, or bound a grant or a rule instead.")]
  })
}

/** @param closed then a bound that says nothing names an argument that may be there */
function inBounds(source: Source<unknown>, path: Path, bounds: ArgumentBounds, closed?: true): Problem[] {
  return Object.entries(bounds).flatMap(([name, bound]) => {
    if (closed && saysNothing(bound)) return []
    const contradiction = contradictionIn(bound)
    if (!contradiction) return []
    const message = `the bounds of \`${name}\` mean nothing: ${contradiction}`
    return [source.keyError([...path, "arguments", name], message, "Correct or remove one of them.")]
  })
}

function contradictionIn(bound: ArgumentBound): string | undefined {
  const { eq, in: choices, min, max, like, max_length: length } = bound
  if (saysNothing(bound)) return "there is none"
  if (min !== undefined && max !== undefined && min > max) return `\`min\` ${min} is above \`max\` ${max}`
  const numeric = min !== undefined || max !== undefined
  if (numeric && like !== undefined) return "`min` and `max` are for numbers, `like` is for strings"
  if (numeric && length !== undefined) return "`min` and `max` are for numbers, `max_length` is for strings and lists"
  for (const { name, kind, definition } of meaningsOf(bound)) {
    if (numeric && !kind.judgesWhole) return `\`min\` and \`max\` are for numbers, \`${name}\` is not`
    const own = kind.contradiction(definition)
    if (own !== null) return own
  }
  if (choices?.length === 0) return "`in` is empty"
  if (eq !== undefined && !meets(eq, bound)) return `\`eq\` ${JSON.stringify(eq)} is outside the others`
  if (choices && !choices.some((choice) => meets(choice, bound))) return "all of `in` is outside the others"
  return undefined
}

function saysNothing({ optional: _optional, ...bound }: ArgumentBound): boolean {
  return Object.keys(bound).length === 0
}

function meets(value: unknown, bound: ArgumentBound): boolean {
  return brokenBy(bound, value, null) === null
}
