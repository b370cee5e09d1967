/** The rules whose action and resource scopes match, found one by one: what the index has to find at once. */
import { Rule } from "../../../src/core/policy/cedar/compile.ts"
import type { EntityStore } from "../../../src/core/policy/cedar/entities.ts"
import type { LoweredRule } from "../../../src/core/policy/cedar/lowered.ts"
import { keysWithin } from "../../../src/core/policy/cedar/scope.ts"
import type { EntityRef } from "../../../src/core/policy/cedar/values/value.ts"

export function rulesInScope(
  rules: readonly LoweredRule[],
  action: EntityRef,
  resource: EntityRef,
  entities: EntityStore,
): readonly LoweredRule[] {
  const [ofAction, ofResource] = [action, resource].map((ref) => new Set(keysWithin(ref, entities)))
  return rules.filter((lowered) => {
    const { scope } = new Rule(lowered)
    return scope.action.some((key) => ofAction?.has(key)) && scope.resource.some((key) => ofResource?.has(key))
  })
}
