/**
 * Tools that an agent may have but was never observed to call, according to decision records; only if these are read.
 */
import { LIFECYCLE_SEGMENT } from "../../../src/core/catalog/lifecycle.ts"
import { formatScope } from "../../../src/core/catalog/pattern.ts"
import { sensitivityRank, type Tool } from "../../../src/core/catalog/tool.ts"
import type { Problem } from "../source/problem.ts"
import { toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"
import type { Use } from "./use.ts"

export const unusedAuthority: Lint = {
  name: "unused-authority",
  find: ({ policies: { agents }, body, use }) => {
    if (!use) return []
    // What opens and ends sessions comes with the tools.
    const tools = body.tools.filter(({ name, server }) => !name.startsWith(`${server}.${LIFECYCLE_SEGMENT}.`))
    const grants = new Map(agents.value.purposes.map(({ name, grant }) => [name, toolsOf(grant, tools)]))
    return agents.value.agents.flatMap(({ id, ceiling, purposes }, index): Problem[] => {
      const granted = new Set(purposes.flatMap((name) => [...(grants.get(name) ?? [])]))
      const ceilingTools = toolsOf(ceiling, tools)
      // Part of a task may be of a purpose that only the parent agent has.
      const ofCeiling = tools.filter(({ name }) => ceilingTools.has(name))
      const used = ofCeiling.filter(({ name }) => use.tools.get(id)?.has(name))
      if (used.length === ofCeiling.length) return []
      const unused = ofCeiling.filter((tool) => !used.includes(tool))
      const share = `${used.length} of the ${ofCeiling.length} tools within its ceiling`
      const message = `the agent called ${share}, ${spanOf(use)}; never ${listed(unused, granted)}`
      return [{ ...agents.warning(["agents", index, "ceiling"], message, fixFor(used)), severity: "note" }]
    })
  },
}

function spanOf({ records, from, to }: Use): string {
  const [first, last] = [from, to].map((at) => new Date(at).toISOString().slice(0, 16).replace("T", " "))
  return records === 0
    ? "as there are no records"
    : `in ${records} ${records === 1 ? "record" : "records"} from ${first} to ${last} UTC`
}

const SHOWN = 8

function listed(unused: readonly Tool[], granted: ReadonlySet<string>): string {
  const names = unused
    .slice(0, SHOWN)
    .map(({ name }) => `\`${name}\`${granted.has(name) ? "" : " (in no purpose of it)"}`)
  return unused.length > SHOWN ? `${names.join(", ")} and ${unused.length - SHOWN} more` : names.join(", ")
}

function fixFor(used: readonly Tool[]): string {
  const [first, ...more] = used
  if (!first) return "Remove the agent if nobody needs it."
  const most = more.reduce(
    (most, { sensitivity }) => (sensitivityRank(sensitivity) > sensitivityRank(most) ? sensitivity : most),
    first.sensitivity,
  )
  const scopes = used.map(({ name, action }) => formatScope({ pattern: name, action })).toSorted()
  return `According to the records, \`tools: [${scopes.join(", ")}]\` with \`max_sensitivity: ${most}\` would do.`
}
