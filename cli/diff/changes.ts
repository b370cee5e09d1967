/** Which parts of a policy directory were added, removed or changed, compared with another: by name, kind by kind. */
import { isDeepStrictEqual } from "node:util"
import { partsOf, type BundleBody } from "../../src/core/policy/bundle.ts"

export interface Change {
  readonly kind: string
  readonly name: string
  readonly how: "added" | "removed" | "changed"
}

export function changesBetween(base: BundleBody, candidate: BundleBody): readonly Change[] {
  const before = partsOf(base)
  return [...partsOf(candidate)].flatMap(([kind, after]) => {
    const earlier = before.get(kind) ?? new Map<string, unknown>()
    const names = [...new Set([...earlier.keys(), ...after.keys()])].toSorted()
    return names.flatMap((name): Change[] => {
      if (!earlier.has(name)) return [{ kind, name, how: "added" }]
      if (!after.has(name)) return [{ kind, name, how: "removed" }]
      return isDeepStrictEqual(earlier.get(name), after.get(name)) ? [] : [{ kind, name, how: "changed" }]
    })
  })
}
