/** A person who is asked: they come with their own login, from where no agent has a session. */
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import { callHttp, type Seen, type Where } from "./agent.ts"

const inbox = z.object({ approvals: z.array(z.object({ kind: z.literal("call"), id: z.string(), task: z.string() })) })

/** What is asked stands in an inbox a moment after the agent was told. */
const PATIENCE_MS = 5_000

/** Says yes to the one thing that they are asked. */
export async function approve({ narrowgate }: Where, token: string): Promise<Seen> {
  const headers = { authorization: `Bearer ${token}` }
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const response = await fetch(`${narrowgate}/v1/approvals`, { headers })
    const [asked] = inbox.parse(await response.json()).approvals
    if (asked) {
      const url = `${narrowgate}/v1/tasks/${asked.task}/approvals/${asked.id}`
      return callHttp("POST", url, token, { json: { approve: true } })
    }
    if (Date.now() > deadline) throw new Error("nobody is asked anything")
    await sleep(100)
  }
}
