/**
 * What the catalog redacts of a call's arguments is taken out here, of every part of a record that can hold one.
 * Whatever comes to hold an argument, or a value that one is held against, has to be among these parts. Only a denial by
 * a bound comes without the bound's value already (check/grant.ts).
 */
import type { Lookup } from "../encoding/lookup.ts"
import { isRedacted, REDACTED, redactedPath, withoutValue } from "../catalog/redaction.ts"
import type { Segments } from "../catalog/route.ts"
import type { Tool } from "../catalog/tool.ts"
import type { DecisionRecord } from "./record.ts"

type Telling = Pick<DecisionRecord, "path" | "arguments" | "candidate">

/**
 * @param redact names of arguments of the tool that is called
 * @param segments of the path, which are arguments
 * @param tools the catalog that decides
 */
export function redacted(
  { path, arguments: shown, candidate }: Telling,
  redact: readonly string[],
  segments: Segments,
  tools: Lookup<Tool>,
): Telling {
  return {
    path: path === null ? null : redactedPath(path, segments, redact),
    arguments:
      redact.length === 0
        ? shown
        : Object.fromEntries(
            Object.entries(shown).map(([name, value]) => [name, isRedacted(name, redact) ? REDACTED : value]),
          ),
    candidate: candidate && redactedCandidate(candidate, tools),
  }
}

/**
 * A candidate hides what its own catalog redacts, and may redact less than the catalog that decides. Which tools the
 * grant covers is not known at the edge: what is redacted for any tool is hidden.
 */
function redactedCandidate(
  candidate: NonNullable<DecisionRecord["candidate"]>,
  tools: Lookup<Tool>,
): NonNullable<DecisionRecord["candidate"]> {
  const { differs } = candidate
  const denial = differs?.denial
  if (!differs || denial?.reason !== "argument_out_of_bounds") return candidate
  const redact = [...tools.values()].flatMap((tool) => tool.redact)
  if (!isRedacted(denial.argument, redact)) return candidate
  return { ...candidate, differs: { ...differs, denial: { ...denial, bound: withoutValue(denial.bound) } } }
}
