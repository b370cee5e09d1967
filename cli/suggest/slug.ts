/** Short names of agents for the ids of rules and windows: the end of the agent's id, and a number if that is ambiguous. */
export function slugsOf(ids: readonly string[]): ReadonlyMap<string, string> {
  const slugs = new Map<string, string>()
  const taken = new Set<string>()
  for (const id of ids) {
    const end = id.split("/").findLast((part) => part !== "") ?? id
    const base =
      end
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/gu, "-")
        .replaceAll(/^-|-$/gu, "") || "agent"
    let slug = base
    for (let number = 2; taken.has(slug); number++) slug = `${base}-${number}`
    taken.add(slug)
    slugs.set(id, slug)
  }
  return slugs
}
