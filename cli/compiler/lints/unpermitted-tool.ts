/**
 * Tools of the catalog that no rule permits any principal to call. A tool that a forbid names was considered by its author.
 */
import { toolRef } from "../../../src/core/policy/principals.ts"
import type { Problem } from "../source/problem.ts"
import { serverOf } from "../model/tools.ts"
import type { Lint, Subject } from "./lint.ts"

export const unpermittedTool: Lint = {
  name: "unpermitted-tool",
  find: (subject) => {
    const { body, policies, rules } = subject
    const byName = new Map(body.tools.map((tool) => [tool.name, tool]))
    const forbidden = new Set(rules.all.flatMap(({ effect, scope }) => (effect === "forbid" ? scope.resource : [])))
    const callable = new Set<string>()
    const problems = policies.catalog.value.tools.flatMap(({ name }, index): Problem[] => {
      const tool = byName.get(name)
      if (!tool) return []
      const lacks = [tool.action, "delegate" as const].find((action) => !rules.mayPermit(action, tool))
      if (lacks === undefined) callable.add(serverOf(name))
      if (lacks === undefined || forbidden.has(`== ${toolRef(name).key}`)) return []
      const message =
        lacks === "delegate"
          ? `no rule permits any principal to delegate \`${name}\`, so no task ever has it`
          : `no rule permits any principal to ${lacks} \`${name}\`, so every call of it is denied`
      const fix = `Add a \`permit\` for it with the action \`${lacks}\`, or remove it from the catalog.`
      return [policies.catalog.warning(["tools", index, "name"], message, fix)]
    })
    return [...problems, ...unopened(subject, callable)]
  },
}

/** A server whose tools may be called, but with which no session can be opened. */
function unopened({ body, policies, rules }: Subject, callable: ReadonlySet<string>): Problem[] {
  return policies.catalog.value.servers.flatMap(({ name }, index): Problem[] => {
    const lifecycle = body.tools.filter((tool) => tool.name.startsWith(`${name}.mcp.`))
    if (!callable.has(name) || lifecycle.some((tool) => rules.mayPermit(tool.action, tool))) return []
    const message = `no rule permits the lifecycle tools of \`${name}\`, so no client can open a session with it`
    const fix =
      'Add a rule: `@id("open-sessions") permit (principal, action in [Action::"read", Action::"delegate"], resource in ToolGroup::"mcp-lifecycle");`'
    return [policies.catalog.warning(["servers", index, "name"], message, fix)]
  })
}
