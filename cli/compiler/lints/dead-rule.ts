/**
 * Rules whose scope matches nothing that is registered: they never apply. For the actions of query clients it is
 * unknown which entities, stored or not, requests will name.
 */
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { keysWithin } from "../../../src/core/policy/cedar/scope.ts"
import type { ReadRule } from "../reasoning/written.ts"
import type { Problem } from "../source/problem.ts"
import type { Lint, Subject } from "./lint.ts"

export const deadRule: Lint = {
  name: "dead-rule",
  find: (subject) => {
    const { rules } = subject
    const queried = queriedScopes(subject)
    return rules.all.flatMap((rule): Problem[] => {
      const verdict = rules.verdict(rule)
      if (rule.isWarned || rule.scope.action.some((key) => queried.has(key))) return []
      if (verdict.kind === "no action") {
        const message = "Narrowgate evaluates none of these actions, so the rule never applies"
        const fix = "Name `read`, `write`, `execute`, `delegate` or `manage`, or a group of them, or remove the rule."
        return [rule.warning("action", message, fix)]
      }
      if (verdict.kind === "nobody") {
        const message = "no principal of this action is within this scope, so the rule never applies"
        return [rule.warning("principal", message, "Register one that is, widen the scope, or remove the rule.")]
      }
      return verdict.kind === "nothing" && !isForTomorrow(rule) ? [nothing(rule, verdict.tools)] : []
    })
  },
}

/** Keys of all scopes that an action of a query client is within. */
function queriedScopes({ body, bundle }: Subject): ReadonlySet<string> {
  const types = new Set(body.queries.map(({ action_type }) => action_type))
  const actions = [...types].flatMap((type) => Array.from(bundle.storedOf(type, null)))
  return new Set(actions.flatMap((action) => keysWithin(action, bundle.entities)))
}

/** `forbid (principal, action == Action::"execute", resource)` also holds for tools that do not exist yet. */
function isForTomorrow({ effect, scope }: ReadRule): boolean {
  return effect === "forbid" && scope.resource.some((key) => key === "any" || key.startsWith("is "))
}

function nothing(rule: ReadRule, tools: readonly Tool[]): Problem {
  const [first] = tools
  if (!first) {
    const message = "nothing that is registered is within this scope, so the rule never applies"
    return rule.warning("resource", message, "Add what is meant to catalog.yaml or operators.yaml, or remove the rule.")
  }
  const actions = [...new Set(tools.map(({ action }) => action))].toSorted()
  const what = tools.length === 1 ? `\`${first.name}\` has` : `all ${tools.length} tools of this scope have`
  const message = `${what} action \`${actions.join("` or `")}\`, so the rule never applies`
  return rule.warning("action", message, `Write \`action == Action::"${actions[0]}"\`, or remove the rule.`)
}
