/** The addresses of what the console shows. The ids in them may be foreign text. */
export const agentPath = (id: string): string => `/console/agents/agent?id=${encodeURIComponent(id)}`
export const CLIENTS_PATH = "/console/agents/clients"
export const taskPath = (id: string): string => `/console/tasks/${encodeURIComponent(id)}`
export const decisionPath = (id: string): string => `/console/decisions/${encodeURIComponent(id)}`
export const bundlePath = (digest: string): string => `/console/policies/${encodeURIComponent(digest)}`
/** The page that ends a suspension. */
export const resumePath = (id: string): string => `/console/stop/lift?id=${encodeURIComponent(id)}`
/** The approval of a task that has not started. */
export const taskApprovalPath = (task: string): string => `/console/approvals/${encodeURIComponent(task)}`
export const callApprovalPath = (task: string, id: string): string =>
  `${taskApprovalPath(task)}/${encodeURIComponent(id)}`
