/** Counts by `user` for calls of tasks that may have none: each call of such a task is denied. */
import { fieldsOf, toolsMeant } from "../checks/guardrails.ts"
import type { WrittenSelector } from "../schema/selector.ts"
import { toolsOf } from "./authority.ts"
import type { Lint } from "./lint.ts"

export const userlessKey: Lint = {
  name: "userless-key",
  find: ({ policies: { agents, guardrails }, body: { tools } }) => {
    const userless = agents.value.purposes.filter(
      ({ name, user }) => user === "optional" && agents.value.agents.some(({ purposes }) => purposes.includes(name)),
    )
    return fieldsOf(guardrails.value).flatMap(({ path, field, of }) => {
      if (field !== "user") return []
      const purpose = userless.find(({ name, grant }) =>
        of.some((selector) => (selector.purposes?.includes(name) ?? true) && isAbout(selector, toolsOf(grant, tools))),
      )
      if (!purpose) return []
      const message = `a task of purpose \`${purpose.name}\` may have no user, and such a call of it is denied`
      const fix =
        "Narrow the guardrail by `purposes`, write `user_or_agent`, or write `user: required` for that purpose."
      return [guardrails.warning(path, message, fix)]
    })

    function isAbout(selector: WrittenSelector, granted: ReadonlySet<string>): boolean {
      return toolsMeant(selector, tools).some(({ name }) => granted.has(name))
    }
  },
}
