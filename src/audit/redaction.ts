/**
 * What the catalog redacts of a call's arguments is taken out here, of every part of a record that can hold one.
 * Whatever comes to hold an argument, or a value that one is held against, has to be among these parts.
 */
import { isRedacted, REDACTED, redactedPath } from "../catalog/redaction.ts"
import type { Segments } from "../catalog/route.ts"
import type { DecisionRecord } from "./record.ts"

type Telling = Pick<DecisionRecord, "path" | "arguments" | "denial" | "candidate">

/**
 * @param redact names of arguments
 * @param segments of the path, which are arguments
 */
export function redacted(parts: Telling, redact: readonly string[], segments: Segments): Telling {
  if (redact.length === 0) return parts
  const { path, arguments: shown, denial, candidate } = parts
  const differs = candidate?.differs
  return {
    path: path === null ? null : redactedPath(path, segments, redact),
    arguments: Object.fromEntries(
      Object.entries(shown).map(([name, value]) => [name, isRedacted(name, redact) ? REDACTED : value]),
    ),
    denial: redactedDenial(denial, redact),
    candidate: differs
      ? { ...candidate, differs: { ...differs, denial: redactedDenial(differs.denial, redact) } }
      : candidate,
  }
}

/** A bound says what the argument had to be: of one that is redacted only its kind is told. */
function redactedDenial(denial: DecisionRecord["denial"], redact: readonly string[]): DecisionRecord["denial"] {
  if (denial?.reason !== "argument_out_of_bounds" || !isRedacted(denial.argument, redact)) return denial
  const [kind = ""] = denial.bound.split(" ", 1)
  return { ...denial, bound: `${kind} ${REDACTED}` }
}
