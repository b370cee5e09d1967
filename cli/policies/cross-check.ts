/**
 * What no file shows by itself: each check compares `policies/` under one aspect. A new one is a file and a line here.
 */
import { checkAgents } from "./checks/agents.ts"
import { checkBounds } from "./checks/bounds.ts"
import { checkCatalog } from "./checks/catalog.ts"
import { checkDuplicates } from "./checks/duplicates.ts"
import { checkEntities } from "./checks/entities.ts"
import { checkGateways } from "./checks/gateways.ts"
import { checkIdentities } from "./checks/identities.ts"
import { checkIssuers } from "./checks/issuers.ts"
import { checkLinks } from "./checks/links.ts"
import { checkManagement } from "./checks/management.ts"
import { checkMentions } from "./checks/mentions.ts"
import { checkRoutes } from "./checks/routes.ts"
import { checkScopes } from "./checks/scopes.ts"
import type { Policies } from "./policies.ts"
import type { Problem } from "./problem.ts"

const CHECKS: readonly ((policies: Policies) => Problem[])[] = [
  checkDuplicates,
  checkCatalog,
  checkRoutes,
  checkScopes,
  checkBounds,
  checkAgents,
  checkIdentities,
  checkGateways,
  checkIssuers,
  checkEntities,
  checkManagement,
  checkMentions,
  checkLinks,
]

export function crossCheck(policies: Policies): Problem[] {
  return CHECKS.flatMap((check) => check(policies))
}
