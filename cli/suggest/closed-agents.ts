/** Which agents' ceilings can be closed: of all their calls all arguments are known, and each has its bound. */
import { isLifecycle } from "../../src/core/catalog/lifecycle.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { FEWEST_CALLS } from "./bounds.ts"
import { evidenceText, joined } from "./evidence.ts"
import type { ObservedUse } from "./observed-use.ts"
import type { BoundRule } from "./rules-text.ts"

export interface Closing {
  /** The names of its arguments. */
  readonly names: readonly string[]
  readonly evidence: string
}

/** By the id of the agent. */
export function closedAgents(
  body: BundleBody,
  use: ObservedUse,
  agents: ReadonlySet<string>,
  bounds: readonly BoundRule[],
): ReadonlyMap<string, Closing> {
  return new Map(
    body.agents.flatMap(({ id, ceiling }): [string, Closing][] => {
      const uses = agents.has(id) && !ceiling.closed ? use.byAgent.get(id) : undefined
      const used = body.tools.flatMap((tool) => {
        const ofTool = isLifecycle(tool) ? undefined : uses?.get(tool.name)
        return ofTool ? [{ tool, ofTool }] : []
      })
      const isBounded = (name: string, argument: string): boolean =>
        bounds.some((each) => each.agent === id && each.tool.name === name && each.argument === argument)
      const isKnown = used.every(
        ({ tool, ofTool: { calls, incomplete, arguments: args } }) =>
          calls >= FEWEST_CALLS && incomplete === 0 && [...args.keys()].every((name) => isBounded(tool.name, name)),
      )
      const evidence = joined(used.map(({ ofTool }) => ofTool.evidence))
      if (!isKnown || !evidence) return []
      const names = [...new Set(used.flatMap(({ ofTool }) => Array.from(ofTool.arguments.keys())))].toSorted()
      return [[id, { names, evidence: evidenceText(evidence) }]]
    }),
  )
}
