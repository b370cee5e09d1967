/**
 * Links that name an agent, a tool or a group that is not there: the rule that they make would never hold, without a
 * word.
 */
import { madeEntities, MADE_TYPES, uidText } from "../entities.ts"
import { suggest } from "../nearest.ts"
import type { Policies } from "../policies.ts"
import type { Problem } from "../problem.ts"
import { allTools } from "../tools.ts"

export function checkLinks({ links, agents, catalog }: Policies): Problem[] {
  const known = new Set(madeEntities(agents.value.agents, allTools(catalog.value)).map(({ uid }) => uidText(uid)))
  return links.value.links.flatMap((link, index) =>
    (["principal", "resource"] as const).flatMap((part): Problem[] => {
      const named = link[part]
      // Users are known from their tokens only.
      if (named === undefined || named.type === "User" || !MADE_TYPES.some((type) => type === named.type)) return []
      const text = uidText(named)
      if (known.has(text)) return []
      const mend = suggest(text, known, "Correct the name, or add it to agents.yaml or catalog.yaml.")
      const message = `\`${text}\` is not there, so nothing matches it`
      return [{ ...links.warning(["links", index, part], message, mend), lint: "unknown-entity" }]
    }),
  )
}
