/** Two entries of one name: whichever of them was used, the author may have meant the other. */
import { FILE_KEYS, policyFile, type FileKey, type FileValues } from "../model/policy-files.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { Path, Source } from "../source/source.ts"

export function checkDuplicates(policies: Policies): Problem[] {
  return FILE_KEYS.flatMap((name) => duplicatesIn(policies, name))
}

function duplicatesIn(policies: Policies, name: FileKey): Problem[] {
  const source: Source<FileValues[FileKey]> = policies[name]
  const file = policyFile(name)
  const byWhat = Map.groupBy(file.uniqueNames(source.value), ({ what }) => what)
  return [
    ...[...byWhat].flatMap(([what, names]) => repeats(source, what, names)),
    ...(file.hasUniqueLists ? listsIn(source) : []),
  ]
}

interface PlacedName {
  readonly path: Path
  readonly name: string
}

function repeats(source: Source<unknown>, what: string, all: readonly PlacedName[]): Problem[] {
  const seen = new Set<string>()
  return all.flatMap(({ path, name }) => {
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    return [source.error(path, `${what} \`${name}\` is there twice`, "Remove or rename one of them.")]
  })
}

/** Plain lists of strings, wherever they stand: groups, labels, scopes, origins, methods. */
function listsIn(source: Source<unknown>, value: unknown = source.value, path: Path = []): Problem[] {
  if (typeof value !== "object" || value === null) return []
  const deeper = Object.entries(value).flatMap(([key, member]: [string, unknown]) =>
    listsIn(source, member, [...path, Array.isArray(value) ? Number(key) : key]),
  )
  if (!Array.isArray(value) || path.at(-1) === "key_sha256") return deeper
  const texts = value.flatMap((name: unknown, index) =>
    typeof name === "string" ? [{ path: [...path, index], name }] : [],
  )
  return [...deeper, ...repeats(source, "entry", texts)]
}
