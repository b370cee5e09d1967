import type { Task } from "../../api/contract/tasks.ts"

/** A task's state, with the tone that it has on a page. */
export const STATES = {
  active: { tone: "good", text: "at work" },
  pending: { tone: "warn", text: "waits for a person to agree" },
  quarantined: { tone: "bad", text: "frozen" },
  revoked: { tone: "bad", text: "ended" },
  completed: { tone: "done", text: "done" },
  expired: { tone: "done", text: "over, its time was up" },
  idle: { tone: "done", text: "over, it was idle for too long" },
} as const

/** It is not over, for good or by its time. */
export function mayGoOn({ status }: Task): boolean {
  return status === "active" || status === "quarantined" || status === "pending"
}
