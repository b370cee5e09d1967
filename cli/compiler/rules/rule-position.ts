/** Where something stands in the Cedar files, and the official engine's messages as problems at that place. */
import type { DetailedError } from "@cedar-policy/cedar-wasm/nodejs"
import { helpFor } from "./mends.ts"
import { positionAt, spanAt, unitsOfBytes } from "../source/position.ts"
import type { Problem } from "../source/problem.ts"
import type { Source } from "./split-rules.ts"

export interface CedarFile {
  /** As it is to appear in problems. */
  readonly path: string
  readonly text: string
}

/** Where a rule stands. */
export interface RulePosition {
  readonly file: CedarFile
  readonly source: Source
}

export function wholeOf(file: CedarFile): RulePosition {
  return { file, source: { text: file.text, offset: 0 } }
}

/** The official engine's own words, at the place that it names in `place.source`, otherwise at its start. */
export function locate(
  errors: readonly DetailedError[],
  place: RulePosition,
  fix: string,
  severity: Problem["severity"] = "error",
): readonly Problem[] {
  return errors.flatMap((error) => {
    const location = error.sourceLocations?.[0]
    const { text, offset } = place.source
    const [from, to] = location ? [location.start, location.end].map((bytes) => unitsOfBytes(text, bytes)) : []
    const within = from === undefined ? positionAt(place.file.text, offset) : undefined
    const expected = location?.label ? `: ${location.label}` : ""
    const problem: Problem = {
      file: place.file.path,
      ...(within ?? spanAt(place.file.text, offset + (from ?? 0), offset + (to ?? 0))),
      severity,
      message: error.message.replace(PREAMBLE, "") + expected,
      fix: helpFor(error.message) ?? error.help?.replace(PREAMBLE, "") ?? fix,
    }
    return [problem, ...locate(error.related ?? [], place, fix, severity)]
  })
}

/** The engine's prefix of a message, for which file, line and rule are clearer. */
export const PREAMBLE =
  /^(?:for policy `[^`]*`, |failed to parse (?:policy|schema|template) from string: |error parsing schema: )+/

export function problemAt(place: RulePosition, message: string, fix: string): Problem {
  const { offset, text } = place.source
  const span = spanAt(place.file.text, offset, offset + text.length)
  return { file: place.file.path, ...span, severity: "error", message, fix }
}
