/** Calls told apart by their `user`, where a task may have none: each of its calls is denied. */
import { fieldsOf, toolsMeant } from "../checks/guardrails.ts"
import { intersects, toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"

export const userlessKey: Lint = {
  name: "userless-key",
  find: ({ policies: { agents, guardrails }, body: { tools } }) => {
    const userless = agents.value.purposes.filter(
      ({ name, user }) => user === "optional" && agents.value.agents.some(({ purposes }) => purposes.includes(name)),
    )
    const told = new Set<string>()
    return fieldsOf(guardrails.value).flatMap(({ path, field, of }) => {
      // A field that both calls have to share is asked of both, and told once.
      if (field !== "user" || told.has(path.join("."))) return []
      const meant = new Set(toolsMeant(of, tools).map(({ name }) => name))
      const purpose = userless.find(
        ({ name, grant }) => (of.purposes?.includes(name) ?? true) && intersects(toolsOf(grant, tools), meant),
      )
      if (!purpose) return []
      told.add(path.join("."))
      const message = `a task of purpose \`${purpose.name}\` may have no user, and such a call of it is denied`
      const mend = "Narrow the guardrail by `purposes`, or write `user: required` for that purpose."
      return [guardrails.warning(path, message, mend)]
    })
  },
}
