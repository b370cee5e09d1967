/** Labels of which the catalog states something are those of tools, and an agent cannot carry more than its ledger has room for. */
import { MAX_LABELS } from "../../../src/core/policy/definition/labels.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

export function checkLabels({ catalog }: Policies): Problem[] {
  const { labels, tools } = catalog.value
  const ofTools = new Set(tools.flatMap((tool) => tool.labels))
  const unknown = labels.flatMap(({ name }, index) => {
    if (ofTools.has(name)) return []
    const fix = suggest(name, ofTools, "Correct the name, or remove the entry.")
    return [catalog.error(["labels", index, "name"], `no tool has the label \`${name}\``, fix)]
  })
  if (ofTools.size <= MAX_LABELS) return unknown
  const message = `the tools have ${ofTools.size} labels, and an agent can carry ${MAX_LABELS}`
  return [...unknown, catalog.keyError(["tools"], message, "Let tools of one kind share a label.")]
}
