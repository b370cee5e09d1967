/** Arguments that the catalog redacts: what stands for them, and where in a path they are. */
import { readingsOf } from "../fold.ts"
import type { Tool } from "./tool.ts"
import type { Segments } from "./route.ts"

export const REDACTED = "[redacted]"

/** Also under a name that some upstream takes for it: `Text` or `[text]` for `text`. */
export function isRedacted(name: string, redact: readonly string[]): boolean {
  if (redact.length === 0) return false
  const readings = readingsOf(name)
  return redact.some((hidden) => readingsOf(hidden).some((reading) => readings.includes(reading)))
}

/** @param path raw, with as many segments as are told of */
export function redactedPath(path: string, segments: Segments, redact: readonly string[]): string {
  if (!segments.some((name) => name !== null && isRedacted(name, redact))) return path
  const [root = "", ...parts] = path.split("/")
  const shown = parts.map((part, index) => (isRedacted(segments[index] ?? "", redact) ? REDACTED : part))
  return [root, ...shown].join("/")
}

export function redactedNames(tool: Pick<Tool, "redact">): ReadonlySet<string> {
  let names = namesOf.get(tool)
  if (!names) namesOf.set(tool, (names = new Set(tool.redact)))
  return names
}
const namesOf = new WeakMap<Pick<Tool, "redact">, ReadonlySet<string>>()
