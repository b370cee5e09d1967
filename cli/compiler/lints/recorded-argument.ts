/** Arguments of restricted tools that policies read: every decision record shows what a policy reads. */
import { isRedacted } from "../../../src/core/catalog/redaction.ts"
import { argumentsJudgedBy, namedBoundsFor } from "../../../src/core/policy/named-bounds.ts"
import { actionRef, toolRef } from "../../../src/core/policy/principals.ts"
import type { Lint } from "./lint.ts"

export const recordedArgument: Lint = {
  name: "recorded-argument",
  find: ({ policies: { catalog }, body, bundle, rules }) => {
    const restricted = body.tools.filter((tool) => tool.sensitivity === "restricted")
    const called = new Set(restricted.flatMap((tool) => (rules.mayPermit(tool.action, tool) ? [tool.name] : [])))
    return catalog.value.tools.flatMap(({ name, action, redact }, index) => {
      if (!called.has(name)) return []
      const about = [actionRef(action), toolRef(name), bundle.entities] as const
      const judged = argumentsJudgedBy(namedBoundsFor(bundle, ...about))
      const reads = new Set([...bundle.engine.readsFor(...about), ...judged])
      const recorded = [...reads].filter((argument) => argument !== "*" && !isRedacted(argument, redact)).toSorted()
      if (recorded.length === 0) return []
      const list = recorded.map((argument) => `\`${argument}\``).join(", ")
      const message = `\`${name}\` is restricted, and records contain what its rules read: ${list}`
      const fix = `Write \`redact: [${[...redact, ...recorded].join(", ")}]\`.`
      return [catalog.warning(["tools", index, "sensitivity"], message, fix)]
    })
  },
}
