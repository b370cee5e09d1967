/** Bounds of one call alone, with all the work that a call may take. */
import * as bounds from "../../src/core/catalog/bounds/bounds.ts"
import { Work } from "../../src/core/encoding/work.ts"

type Of<Judge extends (...parameters: never[]) => unknown> = Parameters<Judge>

export const violation = (
  all: Of<typeof bounds.violation>[0],
  values: Of<typeof bounds.violation>[1],
  now: number | null,
): bounds.Violation | null => bounds.violation(all, values, { now, work: new Work() })

export const isBeyond = (bound: Of<typeof bounds.isBeyond>[0], value: unknown, now: number | null): boolean =>
  bounds.isBeyond(bound, value, { now, work: new Work() })
