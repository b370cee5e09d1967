/** A window for each agent that leaves as much again as its busiest minute. */
import type { Splice } from "../import/text-edits.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { evidenceText } from "./evidence.ts"
import type { ObservedUse } from "./observed-use.ts"
import { slugsOf } from "./slug.ts"
import { YamlText } from "./yaml-edits.ts"

/** With fewer calls of an agent no window is suggested. */
export const FEWEST_FOR_WINDOW = 100
const FACTOR = 2

export interface Windows {
  readonly splices: readonly Splice[]
  readonly notes: readonly string[]
}

export function windowsFor(text: string, body: BundleBody, use: ObservedUse, agents: ReadonlySet<string>): Windows {
  const slugs = slugsOf(body.agents.map(({ id }) => id))
  const notes: string[] = []
  const yaml = new YamlText(text)
  const ids = new Set(body.guardrails.map(({ id }) => id))
  const entries = body.agents.flatMap(({ id: agent }): (readonly string[])[] => {
    const evidence = agents.has(agent) ? use.made.get(agent) : undefined
    const busiest = use.busiest.get(agent) ?? 0
    const id = `${slugs.get(agent)}-per-minute`
    if (!evidence || ids.has(id)) return []
    if (evidence.calls < FEWEST_FOR_WINDOW) {
      notes.push(`${agent}: ${evidence.calls} calls are too few for a window (${FEWEST_FOR_WINDOW})`)
      return []
    }
    return [
      [
        `# ${evidenceText(evidence)}: at most ${busiest} in a minute for one user; ${FACTOR} times that.`,
        `- id: ${id}`,
        `  tools: ["*"]`,
        `  agents: [${JSON.stringify(agent)}]`,
        `  per: [agent, user_or_agent]`,
        `  limit: ${busiest * FACTOR}`,
        `  within: 1m`,
      ],
    ]
  })
  const lines = entries.flatMap((entry, index) => (index === 0 ? entry : [""].concat(entry)))
  if (lines.length === 0) return { splices: [], notes }
  const item = yaml.itemOf("windows", lines)
  if (item) return { splices: [item], notes }
  return { splices: [], notes: [...notes, "guardrails.yaml has its windows in one line: no window is suggested"] }
}
