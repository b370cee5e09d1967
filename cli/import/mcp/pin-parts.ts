/** Which parts of a definition a pin covers, each by a short hash: a later import says which of them has changed. */
import canonicalize from "canonicalize"
import { sha256Hex } from "../../../src/core/encoding/hash.ts"
import type { PinParts } from "../found-tools.ts"

/** Sixteen digits: too many for another text with the same ones to be found. */
const PART_DIGITS = 16

export function partsOf(definition: Readonly<Record<string, unknown>>, parts: readonly string[]): PinParts {
  const short = (part: string): string =>
    Object.hasOwn(definition, part) ? sha256Hex(canonicalize(definition[part]) ?? "").slice(0, PART_DIGITS) : "-"
  return Object.fromEntries(parts.map((part) => [part, short(part)]))
}
