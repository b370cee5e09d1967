/** Every page of the console: one row each. */
import { agentPage } from "./agents/agent.tsx"
import { clientsPage } from "./agents/clients.tsx"
import { agentsPage } from "./agents/list.tsx"
import { callApprovalPage } from "./approvals/call.tsx"
import { approvalsPage } from "./approvals/inbox.tsx"
import { taskApprovalPage } from "./approvals/task.tsx"
import { liveEventsPage } from "./decisions/live-events.ts"
import { livePage } from "./decisions/live.tsx"
import { decisionPage } from "./decisions/record.tsx"
import type { PageDefinition } from "./layout/page-definition.ts"
import { bundlePage } from "./policies/bundle.tsx"
import { explainPage } from "./policies/explain.tsx"
import { policiesPage } from "./policies/list.tsx"
import { shadowPage } from "./policies/shadow.tsx"
import { confirmStopPage } from "./stop/confirm.tsx"
import { resumePage } from "./stop/resume.tsx"
import { stopPage } from "./stop/stop.tsx"
import { tasksPage } from "./tasks/list.tsx"
import { taskPage } from "./tasks/task.tsx"

export const PAGES = [
  approvalsPage,
  taskApprovalPage,
  callApprovalPage,
  livePage,
  liveEventsPage,
  decisionPage,
  tasksPage,
  taskPage,
  agentsPage,
  agentPage,
  clientsPage,
  policiesPage,
  explainPage,
  shadowPage,
  bundlePage,
  stopPage,
  confirmStopPage,
  resumePage,
] as const satisfies readonly PageDefinition[]
