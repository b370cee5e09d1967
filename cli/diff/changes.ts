/** Which parts of a policy directory were added, removed or changed, compared with another: by name, kind by kind. */
import { isDeepStrictEqual } from "node:util"
import { CHANGE_LASTS_MS } from "../../src/core/task/home.ts"
import { partsOf, type BundleBody } from "../../src/core/policy/bundle.ts"

export interface Change {
  readonly kind: string
  readonly name: string
  readonly how: "added" | "removed" | "changed"
  /** What follows from it that does not stand in the files. */
  readonly note?: string
}

export function changesBetween(base: BundleBody, candidate: BundleBody): readonly Change[] {
  const before = partsOf(base)
  const notes = repartitioned(base, candidate)
  return [...partsOf(candidate)].flatMap(([kind, after]) => {
    const earlier = before.get(kind) ?? new Map<string, unknown>()
    const names = [...new Set([...earlier.keys(), ...after.keys()])].toSorted()
    return names.flatMap((name): Change[] => {
      if (!earlier.has(name)) return [{ kind, name, how: "added" }]
      if (!after.has(name)) return [{ kind, name, how: "removed" }]
      if (isDeepStrictEqual(earlier.get(name), after.get(name))) return []
      const note = kind === "agent" ? notes.get(name) : undefined
      return [{ kind, name, how: "changed", ...(note !== undefined && { note }) }]
    })
  })
}

/** By the id of the agent. */
function repartitioned(base: BundleBody, candidate: BundleBody): ReadonlyMap<string, string> {
  const before = new Map(base.agents.map(({ id, partitions = 1 }) => [id, partitions]))
  return new Map(
    candidate.agents.flatMap(({ id, partitions = 1 }) => {
      const earlier = before.get(id) ?? partitions
      if (earlier === partitions) return []
      const hours = CHANGE_LASTS_MS / 3_600_000
      return [[id, `partitions ${earlier} → ${partitions}: for ${hours} hours all of them share their labels`]]
    }),
  )
}
