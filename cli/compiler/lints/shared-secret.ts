/**
 * Limits that read an argument which the catalog redacts, and whose count others share. Its figures are hidden, yet a
 * client that shares the count can find the value by trial, as a denied call is not counted and can be repeated.
 */
import type { Field, Selector } from "../../../src/core/guardrails/definition.ts"
import type { Count } from "../../../src/core/guardrails/kind.ts"
import { kindOf } from "../../../src/core/guardrails/kinds.ts"
import { coversTool } from "../../../src/core/guardrails/selector.ts"
import { redactedFieldsOf } from "../../../src/core/guardrails/figure-disclosure.ts"
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
      const isOfAgent = "history" in guardrail && guardrail.history === "agent"
      const others = field === undefined ? null : othersOf(guardrail.of, count, isOfAgent, subject)
      if (others === null) return []
      const what = field === "call" ? "arguments that the catalog redacts" : `\`${field}\`, which the catalog redacts`
      const message = `it reads ${what}: ${others} can find the value by calls that are denied`
      const fix = isOfAgent
        ? "Restrict it by `agents` to one of them, or leave out the tools whose arguments are redacted."
        : "Count `per: [agent, user_or_agent]`, or by something else."
      return [guardrails.warning([...(places.get(guardrail.id) ?? []), "per"], message, fix)]
    })
  },
}

/** Who shares a count with the client that gave the value; null if only the same agent for the same user does. */
function othersOf(
  of: Selector,
  { per }: Count,
  isOfAgent: boolean,
  { policies: { agents }, body: { tools } }: Subject,
): string | null {
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
  if (isOfAgent) {
    const ids = new Set(callers.map(({ id }) => id))
    const delegates = callers.some(({ delegates_to: below }) => below.some((id) => ids.has(id)))
    return delegates ? "an agent to which another delegates" : null
  }
  if (!key.has("agent") && callers.length > 1) return "another agent"
  const isOfOneUser = key.has("tree") || key.has("user") || key.has("user_or_agent")
  return !isOfOneUser && callers.length > 0 ? "an agent for another user" : null
}
