/** The differences of two bundles: part by part, and line by line in each part. Pure. */
import { diffLines } from "diff"
import type { Contents } from "./contents.ts"

export interface Change {
  readonly kind: string
  readonly name: string
  readonly how: "added" | "removed" | "changed"
  readonly lines: readonly Line[]
}

export interface Line {
  readonly text: string
  readonly how: "added" | "removed" | "same"
}

/** A change without its lines, which are expensive to compute. */
export type NamedChange = Omit<Change, "lines">

export function changesBetween(before: Contents, after: Contents): readonly NamedChange[] {
  return [...after].flatMap(([kind, parts]) => {
    const earlier = before.get(kind) ?? new Map<string, string>()
    const names = [...new Set([...earlier.keys(), ...parts.keys()])].toSorted()
    return names.flatMap((name): NamedChange[] => {
      if (!earlier.has(name)) return [{ kind, name, how: "added" }]
      if (!parts.has(name)) return [{ kind, name, how: "removed" }]
      return earlier.get(name) === parts.get(name) ? [] : [{ kind, name, how: "changed" }]
    })
  })
}

/** Characters of a part and its predecessor. Longer ones are not compared by line, which would take long; only their beginnings are shown. */
const MAX_COMPARED = 40_000
/** Unchanged lines that are shown beside a change. */
const CONTEXT_LINES = 2

export function linesOf({ kind, name, how }: NamedChange, before: Contents, after: Contents): readonly Line[] {
  const [old, now] = [before.get(kind)?.get(name) ?? "", after.get(kind)?.get(name) ?? ""]
  if (how === "added") return linesIn(now, "added")
  if (how === "removed") return linesIn(old, "removed")
  if (old.length + now.length > MAX_COMPARED) {
    return [...linesIn(old.slice(0, MAX_TEXT), "removed"), ...linesIn(now.slice(0, MAX_TEXT), "added")]
  }
  const parts = diffLines(`${old}\n`, `${now}\n`)
  return parts.flatMap(({ value, added, removed }, index): readonly Line[] => {
    const lines = linesIn(value.replace(/\n$/, ""), added ? "added" : removed ? "removed" : "same")
    if (added || removed) return lines
    return nearChanges(lines, index > 0, index < parts.length - 1)
  })
}
const MAX_TEXT = 4_000

const linesIn = (text: string, how: Line["how"]): readonly Line[] =>
  text.split("\n").map((line) => ({ text: line, how }))

/** The unchanged lines that stand next to a change. */
function nearChanges(lines: readonly Line[], hasBefore: boolean, hasAfter: boolean): readonly Line[] {
  const [head, tail] = [hasBefore ? CONTEXT_LINES : 0, hasAfter ? CONTEXT_LINES : 0]
  if (lines.length <= head + tail + 1) return lines
  return [...lines.slice(0, head), { text: "…", how: "same" }, ...lines.slice(lines.length - tail)]
}
