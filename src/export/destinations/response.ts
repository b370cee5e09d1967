/** What the answer to a request says about the records in it. */
import { failureOf } from "../../notifications/retry.ts"
import { sendOut, type Outgoing } from "../../platform/outgoing.ts"
import { ACCEPTED, failed, type Sent } from "./destination.ts"

const TIMEOUT_MS = 30_000

/** @param read what an answer of success means, by its text; null: its text does not matter */
export async function deliver(
  outgoing: Outgoing,
  local: boolean,
  read: { readonly bytes: number; readonly sent: (text: string) => Sent } | null = null,
): Promise<Sent> {
  const answer = await sendOut(outgoing, { local, timeoutMs: TIMEOUT_MS, answerBytes: read?.bytes ?? 0 })
  if ("hindrance" in answer) return failed(answer.hindrance)
  if ("failure" in answer) return failed(answer.failure)
  const { status, retryAfter, text } = answer
  const failure = status === 413 ? "too_large" : failureOf(answer)
  if (failure !== null) return { kind: "failed", failure, status, retryAfter }
  if (!read) return ACCEPTED
  return text === null ? failed("answer_endless") : read.sent(text)
}
