/** All benchmarks, in the order they run. */
import type { Benchmark } from "./benchmark.ts"
import { againstCerbos, againstCerbosRate } from "./benchmarks/against-cerbos.ts"
import { againstOpa } from "./benchmarks/against-opa.ts"
import { checkPolicies } from "./benchmarks/check-policies.ts"
import { clientCredentials } from "./benchmarks/client-credentials.ts"
import { boundCall } from "./benchmarks/bound-call.ts"
import { coldFirstDecision } from "./benchmarks/cold-first-decision.ts"
import { decisionTables } from "./benchmarks/decision-tables.ts"
import { diffRecords } from "./benchmarks/diff-records.ts"
import { earlyDenial } from "./benchmarks/early-denial.ts"
import { fullMemory } from "./benchmarks/full-memory.ts"
import { guardedAllow, guardedAllowP99, sharedAllow } from "./benchmarks/guarded-allow.ts"
import { hotSharedWindow } from "./benchmarks/hot-shared-window.ts"
import { longHistory } from "./benchmarks/long-history.ts"
import { besideABusyAgent, tenthAgent } from "./benchmarks/neighbours.ts"
import { policy10000Rules } from "./benchmarks/policy-10000-rules.ts"
import { policyStep } from "./benchmarks/policy-step.ts"
import { guardedOwn, sameDoor } from "./benchmarks/same-door.ts"
import { statefulAllow, statefulAllowOneTree } from "./benchmarks/stateful-allow.ts"
import { toolsFilter } from "./benchmarks/tools-filter.ts"
import { waking } from "./benchmarks/waking.ts"
import { worstRequest } from "./benchmarks/worst-request.ts"
import { exportRecords } from "./benchmarks/export-records.ts"
import { verifyRecords } from "./benchmarks/verify-records.ts"
import { firstToken, knownToken } from "./benchmarks/tokens.ts"

export const BENCHMARKS: readonly Benchmark[] = [
  earlyDenial,
  statefulAllow,
  statefulAllowOneTree,
  guardedAllow,
  guardedAllowP99,
  sharedAllow,
  sameDoor,
  guardedOwn,
  hotSharedWindow,
  besideABusyAgent,
  tenthAgent,
  againstCerbos,
  againstCerbosRate,
  againstOpa,
  knownToken,
  firstToken,
  boundCall,
  clientCredentials,
  toolsFilter,
  coldFirstDecision,
  waking,
  policyStep,
  policy10000Rules,
  longHistory,
  fullMemory,
  checkPolicies,
  decisionTables,
  diffRecords,
  exportRecords,
  verifyRecords,
  worstRequest,
]
