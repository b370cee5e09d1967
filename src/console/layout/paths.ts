/** Where things stand at the console. Their ids may be others' text. */
export const agentPath = (id: string): string => `/console/agents/agent?id=${encodeURIComponent(id)}`
export const taskPath = (id: string): string => `/console/tasks/${encodeURIComponent(id)}`
export const decisionPath = (id: string): string => `/console/decisions/${encodeURIComponent(id)}`
export const bundlePath = (digest: string): string => `/console/policies/${encodeURIComponent(digest)}`
/** Of a switch: the way to lift it. */
export const liftPath = (id: string): string => `/console/stop/lift?id=${encodeURIComponent(id)}`
/** Of a task that waits to begin. */
export const askedTaskPath = (task: string): string => `/console/approvals/${encodeURIComponent(task)}`
export const askedCallPath = (task: string, id: string): string => `${askedTaskPath(task)}/${encodeURIComponent(id)}`
