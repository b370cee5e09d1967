/**
 * Links that name an agent, a tool or a group that is not there: the rule that they make would never hold, without a
 * word. Of a `forbid` that is an error, as in checks/mentions.ts.
 */
import { madeEntities, MADE_TYPES, uidText } from "../model/entities.ts"
import type { PlacedRule } from "../rules/lower.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { allTools } from "../model/tools.ts"

export function checkLinks({ links, agents, catalog }: Policies, placed: readonly PlacedRule[]): Problem[] {
  const forbidding = new Set(placed.flatMap(({ rule }) => (rule.policy["effect"] === "forbid" ? [rule.id] : [])))
  const entityNames = new Set(madeEntities(agents.value, allTools(catalog.value)).map(({ uid }) => uidText(uid)))
  return links.value.links.flatMap((link, index) =>
    (["principal", "resource"] as const).flatMap((part): Problem[] => {
      const named = link[part]
      // Users are known from their tokens only.
      if (named === undefined || named.type === "User" || !MADE_TYPES.some((type) => type === named.type)) return []
      const text = uidText(named)
      if (entityNames.has(text)) return []
      const fix = suggest(text, entityNames, "Correct the name, or add it to agents.yaml or catalog.yaml.")
      const path = ["links", index, part] as const
      if (forbidding.has(link.id))
        return [links.error(path, `\`${text}\` is not there, so the rule does not hold`, fix)]
      const message = `\`${text}\` is not there, so nothing matches it`
      return [{ ...links.warning(path, message, fix), lint: "unknown-entity" }]
    }),
  )
}
