/** Calls in flight whose end some gateway never reports, of a tool without a known duration. */
import { toolsMeant, withoutLifecycle } from "../checks/guardrails.ts"
import { gatewaysOf } from "../model/gateways-of-tool.ts"
import type { Lint } from "./lint.ts"

export const lingeringCall: Lint = {
  name: "lingering-call",
  find: ({ policies, body: { tools } }) => {
    const { guardrails } = policies
    return guardrails.value.concurrency.flatMap((entry, index) => {
      const [lingering] = withoutLifecycle(toolsMeant(entry, tools)).flatMap((tool) => {
        if (tool.duration !== undefined) return []
        const silent = gatewaysOf(tool.name, entry, policies).find(({ settles }) => !settles)
        return silent ? [{ tool: tool.name, gateway: silent.id }] : []
      })
      if (!lingering) return []
      const message = `gateway \`${lingering.gateway}\` does not report when a call of \`${lingering.tool}\` has ended`
      const fix = "Give the tool a `duration` in catalog.yaml: without one it counts for an hour."
      return [guardrails.warning(["concurrency", index, "tools"], message, fix)]
    })
  },
}
