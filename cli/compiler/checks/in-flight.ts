/** A call in flight has to be settled: a gateway reports its end, or its tool's longest duration passes. */
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { gatewaysOf } from "../model/gateways-of-tool.ts"
import { allTools } from "../model/tools.ts"
import { toolsMeant, withoutLifecycle } from "./guardrails.ts"

export function checkInFlight(policies: Policies): Problem[] {
  const { catalog, guardrails } = policies
  const tools = withoutLifecycle(allTools(catalog.value))
  return guardrails.value.concurrency.flatMap((entry, index) => {
    const endless = toolsMeant(entry, tools).filter(
      ({ name, duration }) =>
        duration === undefined && !gatewaysOf(name, entry, policies).some(({ settles }) => settles),
    )
    const [first, ...others] = endless.map(({ name }) => `\`${name}\``)
    if (first === undefined) return []
    const more = others.length > 0 ? ` and ${others.length} more` : ""
    const message = `no gateway would report that a call of ${first}${more} has ended`
    const fix = "Give the tool a `duration` in catalog.yaml, or write `settles: true` for a gateway that reports it."
    return [guardrails.error(["concurrency", index, "tools"], message, fix)]
  })
}
