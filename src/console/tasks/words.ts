import type { Task } from "../../api/contract/tasks.ts"

/** The status of a task in words, and its colour on a page. */
export const STATES = {
  active: { tone: "good", text: "active" },
  pending: { tone: "warn", text: "waiting for consent" },
  quarantined: { tone: "bad", text: "quarantined" },
  revoked: { tone: "bad", text: "ended" },
  completed: { tone: "done", text: "completed" },
  expired: { tone: "done", text: "expired" },
  idle: { tone: "done", text: "expired without a call" },
} as const

/** Whether the task can still make calls, now or later. */
export function isOpen({ status }: Task): boolean {
  return status === "active" || status === "quarantined" || status === "pending"
}
