/**
 * Limits that read an argument which the catalog redacts, and whose count others share: its figures are hidden, and yet
 * whoever shares the count finds the value by trying, as a denied call counts nowhere and can be made again.
 */
import type { Field, Selector } from "../../../src/core/guardrails/definition.ts"
import type { Count } from "../../../src/core/guardrails/kind.ts"
import { kindOf } from "../../../src/core/guardrails/kinds.ts"
import { coversTool } from "../../../src/core/guardrails/selector.ts"
import { redactedFieldsOf } from "../../../src/core/guardrails/telling-figures.ts"
import { entriesOf } from "../schema/guardrails.ts"
import { intersects, toolsOf } from "./authority.ts"
import type { Lint, Subject } from "./lint.ts"

export const sharedSecret: Lint = {
  name: "shared-secret",
  find: (subject) => {
    const { guardrails } = subject.policies
    const places = new Map(entriesOf(guardrails.value).map(({ path, entry }) => [entry.id, path]))
    return subject.bundle.guardrails.definitions.flatMap((guardrail) => {
      const count = kindOf(guardrail).count(guardrail)
      if (!count) return []
      const [field] = redactedFieldsOf(guardrail, subject.body.tools)
      const others = field === undefined ? null : othersOf(guardrail.of, count, subject)
      if (others === null) return []
      const what = field === "call" ? "arguments that the catalog redacts" : `\`${field}\`, which the catalog redacts`
      const message = `it reads ${what}: ${others} can find the value by calls that are denied`
      const fix = "Count `per: task`, or by something else."
      return [guardrails.warning([...(places.get(guardrail.id) ?? []), "per"], message, fix)]
    })
  },
}

/** Who shares a count with whoever gave the value; null: only the same agent for the same user. */
function othersOf(of: Selector, { per }: Count, { policies: { agents }, body: { tools } }: Subject): string | null {
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
