/** An approver, with a login of their own, at a place where no agent has a session. */
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import { callHttp, type Seen, type Where } from "./agent.ts"

const inbox = z.object({ approvals: z.array(z.object({ kind: z.literal("call"), id: z.string(), task: z.string() })) })

/** The approval appears in an inbox a moment after the agent got its answer. */
const PATIENCE_MS = 5_000

/** Approves the one approval in their inbox. */
export async function approve({ narrowgate }: Where, token: string): Promise<Seen> {
  const headers = { authorization: `Bearer ${token}` }
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const response = await fetch(`${narrowgate}/v1/approvals`, { headers })
    const [approval] = inbox.parse(await response.json()).approvals
    if (approval) {
      const url = `${narrowgate}/v1/tasks/${approval.task}/approvals/${approval.id}`
      return callHttp("POST", url, token, { json: { approve: true } })
    }
    if (Date.now() > deadline) throw new Error("no approval is pending")
    await sleep(100)
  }
}
