/** The handler of every endpoint; a missing one does not compile. */
import { listAgents, showAgent } from "./agents.ts"
import { answerApproval, listApprovals, showApproval } from "./approvals.ts"
import { listBundles, listPublications, showBundle } from "./bundles.ts"
import { answerCallApproval, listCallApprovals, showCallApproval } from "./call-approvals.ts"
import { listClients, revokeClient } from "./clients.ts"
import { compareArguments } from "./comparisons.ts"
import type { EndpointName } from "./contract/contract.ts"
import { countDecisions, listDecisions, showDecision } from "./decisions.ts"
import { listDeliveries, retryDelivery } from "./deliveries.ts"
import { explain } from "./explanations.ts"
import type { Handler } from "./handler.ts"
import { showOwnApproval } from "./own-approval.ts"
import { listTasks } from "./latest-tasks.ts"
import { publishBundle } from "./publish.ts"
import { addRevocation, liftRevocation, listRevocations } from "./revocations.ts"
import { listCheckpoints, readRecords, showOwnReceipt, showReceipt, stateLogs } from "./records.ts"
import { listRisks, reportRisk } from "./risks.ts"
import { backfillSink, listSinks } from "./sinks.ts"
import { abortTask, clearLabels, completeTask, quarantineTask, releaseTask, showTask } from "./tasks.ts"
import { eraseUser } from "./users.ts"

export const HANDLERS: { readonly [Name in EndpointName]: Handler<Name> } = {
  listTasks,
  showTask,
  completeTask,
  abortTask,
  quarantineTask,
  releaseTask,
  clearLabels,
  listCallApprovals,
  showOwnApproval,
  showCallApproval,
  answerCallApproval,
  listApprovals,
  showApproval,
  answerApproval,
  addRevocation,
  listRevocations,
  liftRevocation,
  reportRisk,
  listRisks,
  publishBundle,
  listPublications,
  listBundles,
  showBundle,
  listDeliveries,
  retryDelivery,
  listSinks,
  backfillSink,
  listAgents,
  showAgent,
  listClients,
  revokeClient,
  explain,
  readRecords,
  stateLogs,
  listCheckpoints,
  showReceipt,
  showOwnReceipt,
  listDecisions,
  countDecisions,
  showDecision,
  compareArguments,
  eraseUser,
}
