/**
 * What no file shows by itself: each check compares `policies/` under one aspect. A new one is a file and a line here.
 */
import { checkAgents } from "./checks/agents.ts"
import { checkAmounts } from "./checks/amounts.ts"
import { checkApprovers } from "./checks/approvers.ts"
import { checkAsserted } from "./checks/asserted.ts"
import { checkBounds } from "./checks/bounds.ts"
import { checkCatalog } from "./checks/catalog.ts"
import { checkDuplicates } from "./checks/duplicates.ts"
import { checkEntities } from "./checks/entities.ts"
import { checkGateways } from "./checks/gateways.ts"
import { checkIdentities } from "./checks/identities.ts"
import { checkInFlight } from "./checks/in-flight.ts"
import { checkIssuers } from "./checks/issuers.ts"
import { checkKeys } from "./checks/keys.ts"
import { checkManagement } from "./checks/management.ts"
import { checkQueries } from "./checks/queries.ts"
import { checkReceivers } from "./checks/receivers.ts"
import { checkRoutes } from "./checks/routes.ts"
import { checkScopes } from "./checks/scopes.ts"
import { checkSelectors } from "./checks/selectors.ts"
import { checkSeen } from "./checks/seen.ts"
import { checkStreams } from "./checks/streams.ts"
import { checkUndoing } from "./checks/undoing.ts"
import { checkWeights } from "./checks/weights.ts"
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
  checkQueries,
  checkIssuers,
  checkStreams,
  checkReceivers,
  checkEntities,
  checkManagement,
  checkSelectors,
  checkKeys,
  checkAsserted,
  checkSeen,
  checkAmounts,
  checkWeights,
  checkInFlight,
  checkUndoing,
  checkApprovers,
]

export function crossCheck(policies: Policies): Problem[] {
  return CHECKS.flatMap((check) => check(policies))
}
