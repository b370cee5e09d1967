/** All drills, in the order in which `npm run drill` lists them. */
import type { Drill } from "../dev/drill/drill.ts"
import { clockWrong } from "./clock-wrong.ts"
import { hotLedger } from "./hot-ledger.ts"
import { kvRolledBack } from "./kv-rolled-back.ts"
import { leakedAgentKey } from "./leaked-agent-key.ts"
import { providerCompromised } from "./provider-compromised.ts"
import { restoreFromBackup } from "./restore-from-backup.ts"
import { rogueAgent } from "./rogue-agent.ts"
import { stolenPublisherKey } from "./stolen-publisher-key.ts"

export const DRILLS: readonly Drill[] = [
  leakedAgentKey,
  stolenPublisherKey,
  rogueAgent,
  providerCompromised,
  hotLedger,
  kvRolledBack,
  clockWrong,
  restoreFromBackup,
]
