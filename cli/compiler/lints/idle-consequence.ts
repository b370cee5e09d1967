/** `then: revoke` if every gateway only observes: what is denied there has no consequence. */
import { entriesOf } from "../schema/guardrails.ts"
import { toolsMeant } from "../checks/guardrails.ts"
import { gatewaysOf } from "../model/gateways-of-tool.ts"
import type { Lint } from "./lint.ts"

export const idleConsequence: Lint = {
  name: "idle-consequence",
  find: ({ policies, body: { tools } }) => {
    const { guardrails } = policies
    return entriesOf(guardrails.value).flatMap(({ path, entry }) => {
      if (entry.then === "deny") return []
      const serving = toolsMeant(entry, tools).flatMap(({ name }) => gatewaysOf(name, entry, policies))
      if (serving.length === 0 || serving.some(({ mode }) => mode === "enforce")) return []
      const message = `\`${entry.then}\` never follows: every gateway that serves these tools only observes`
      return [guardrails.warning([...path, "then"], message, "Write `mode: enforce` for one of them, or `then: deny`.")]
    })
  },
}
