/**
 * What no file shows by itself: each check compares `policies/` under one aspect. A new one is a file and a line here.
 */
import { checkAgents } from "./agents.ts"
import { checkAmounts } from "./amounts.ts"
import { checkApprovers } from "./approvers.ts"
import { checkAsserted } from "./asserted.ts"
import { checkBounds } from "./bounds.ts"
import { checkCatalog } from "./catalog.ts"
import { checkDuplicates } from "./duplicates.ts"
import { checkEntities } from "./entities.ts"
import { checkGateways } from "./gateways.ts"
import { checkIdentities } from "./identities.ts"
import { checkInFlight } from "./in-flight.ts"
import { checkIssuers } from "./issuers.ts"
import { checkKeys } from "./keys.ts"
import { checkLabels } from "./labels.ts"
import { checkManagement } from "./management.ts"
import { checkPartitions } from "./partitions.ts"
import { checkQueries } from "./queries.ts"
import { checkReceivers } from "./receivers.ts"
import { checkResources } from "./resources.ts"
import { checkRoutes } from "./routes.ts"
import { checkScopes } from "./scopes.ts"
import { checkSelectors } from "./selectors.ts"
import { checkSessions } from "./sessions.ts"
import { checkSinks } from "./sinks.ts"
import { checkStreams } from "./streams.ts"
import { checkUndoing } from "./undoing.ts"
import { checkWeights } from "./weights.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

const CHECKS: readonly ((policies: Policies) => Problem[])[] = [
  checkDuplicates,
  checkCatalog,
  checkLabels,
  checkRoutes,
  checkResources,
  checkScopes,
  checkBounds,
  checkAgents,
  checkIdentities,
  checkPartitions,
  checkGateways,
  checkQueries,
  checkIssuers,
  checkStreams,
  checkReceivers,
  checkSinks,
  checkEntities,
  checkManagement,
  checkSelectors,
  checkKeys,
  checkAsserted,
  checkSessions,
  checkAmounts,
  checkWeights,
  checkInFlight,
  checkUndoing,
  checkApprovers,
]

export function crossCheck(policies: Policies): Problem[] {
  return CHECKS.flatMap((check) => check(policies))
}
