/**
 * Limits that read an argument which the catalog redacts, and whose count others share: its figures are hidden, and yet
 * whoever shares the count finds the value by trying, as a denied call counts nowhere and can be made again.
 */
import type { Concurrency, Field, Limit } from "../../../src/core/guardrails/definition.ts"
import { coversTool } from "../../../src/core/guardrails/selector.ts"
import { redactedFieldsOf } from "../../../src/core/guardrails/telling-figures.ts"
import { entriesOf } from "../checks/guardrails.ts"
import { intersects, toolsOf } from "./authority.ts"
import type { Lint, Subject } from "./lint.ts"

export const sharedSecret: Lint = {
  name: "shared-secret",
  find: (subject) => {
    const { guardrails } = subject.policies
    const places = new Map(entriesOf(guardrails.value).map(({ path, entry }) => [entry.id, path]))
    return subject.bundle.guardrails.definitions.flatMap((guardrail) => {
      if (guardrail.kind !== "limit" && guardrail.kind !== "concurrency") return []
      const [field] = redactedFieldsOf(guardrail, subject.body.tools)
      const others = field === undefined ? null : othersOf(guardrail, subject)
      if (others === null) return []
      const what = field === "call" ? "arguments that the catalog redacts" : `\`${field}\`, which the catalog redacts`
      const message = `it reads ${what}: ${others} can find the value by calls that are denied`
      const fix = "Count `per: task`, or by something else."
      return [guardrails.warning([...(places.get(guardrail.id) ?? []), "per"], message, fix)]
    })
  },
}

/** Who shares a count with whoever gave the value; null: only the same agent for the same user. */
function othersOf({ of, per }: Limit | Concurrency, { policies: { agents }, body: { tools } }: Subject): string | null {
  const key = new Set<Field>(per)
  if (key.has("task")) return null
  const covered = new Set(tools.filter((tool) => coversTool(of, tool)).map(({ name }) => name))
  const purposes = agents.value.purposes.filter(({ grant }) => intersects(toolsOf(grant, tools), covered))
  const callers = agents.value.agents.filter(
    ({ id, ceiling, purposes: own }) =>
      (!of.agents || of.agents.includes(id)) &&
      purposes.some(({ name }) => own.includes(name)) &&
      intersects(toolsOf(ceiling, tools), covered),
  )
  if (!key.has("agent") && callers.length > 1) return "another agent"
  const isOfOneUser = key.has("tree") || key.has("user")
  return !isOfOneUser && callers.length > 0 ? "an agent for another user" : null
}
