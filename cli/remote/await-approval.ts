/**
 * An agent waits until people have decided on its call: by its own delegation token, which reads the approval of no
 * other task. The Worker holds each answer back (RFC 7240, section 4.3) and says when to ask again if it did not.
 */
import { approvals } from "../../src/api/contract/approvals.ts"
import type { RequestedApproval } from "./gateway-answer.ts"
import { responseOf, type WorkerOptions } from "./worker.ts"

const { answer, waits: LONGEST_WAIT } = approvals.showOwnApproval

/**
 * Returns what people have decided; `pending`: nothing in time.
 *
 * @param seconds for how long to wait
 */
export async function statusWithin(
  seconds: number,
  { task, id }: RequestedApproval,
  token: string,
  worker: Pick<WorkerOptions, "url">,
): Promise<"approved" | "rejected" | "pending"> {
  const until = Date.now() + seconds * 1000
  for (let left = seconds; left > 0; left = Math.ceil((until - Date.now()) / 1000)) {
    const input = { parameters: { task, approval: id }, schema: answer(), wait: Math.min(left, LONGEST_WAIT) }
    const { value, headers } = await responseOf(worker, token, "showOwnApproval", input)
    if (value.status !== "pending") return value.status
    // Too many already wait for this agent: the answer came at once.
    if (headers.has("Preference-Applied")) continue
    const pause = Math.min(Number(headers.get("Retry-After")), left)
    await new Promise((resolve) => setTimeout(resolve, pause * 1000))
  }
  return "pending"
}
