/** What of a call is denied before its ledger is asked, because no state of the ledger could allow it. */
import { isLifecycle } from "../core/catalog/lifecycle.ts"
import type { Located } from "../core/catalog/locate.ts"
import { formatScope, parseScope, scopeCovers, type Scope } from "../core/catalog/pattern.ts"
import type { Denial } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { actionRef, toolRef } from "../core/policy/principals.ts"
import type { DelegationClaims } from "../credentials/delegation-token.ts"

/**
 * A token's scope never says less than its ledger allows by it, and a tool that no permit names is permitted to no
 * principal: denying by these is safe, and allowing would not be.
 */
export function denyEarly(claims: DelegationClaims, located: Located, bundle: Bundle): Denial | null {
  const { tool } = located
  const scopes = scopesOf(claims)
  const covered = isLifecycle(tool)
    ? scopes.some(({ pattern }) => pattern === "*" || pattern.startsWith(`${tool.server}.`))
    : scopes.some((scope) => scopeCovers(scope, tool))
  if (!covered) return { reason: "tool_not_granted", scope: formatScope({ pattern: tool.name, action: tool.action }) }
  return policyMayPermit(located, bundle) ? null : { reason: "policy_permits_nothing", principal: "anybody" }
}

export function policyMayPermit({ tool }: Located, { engine, entities }: Bundle): boolean {
  return engine.mayPermit(actionRef(tool.action), toolRef(tool.name), entities)
}

/** A verified token is cached, and with its claims the scopes in them. */
function scopesOf(claims: DelegationClaims): readonly Scope[] {
  let scopes = scopesOfClaims.get(claims)
  if (!scopes) {
    scopes = claims.scope.split(" ").flatMap((word) => parseScope(word) ?? [])
    scopesOfClaims.set(claims, scopes)
  }
  return scopes
}

const scopesOfClaims = new WeakMap<DelegationClaims, readonly Scope[]>()
