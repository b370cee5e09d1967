/** What the answer to a request says about the records in it. */
import { failureOf } from "../../notifications/retry.ts"
import { sendOut, type Outgoing } from "../../platform/outgoing.ts"
import { ACCEPTED, failed, type Sent } from "./destination.ts"

const TIMEOUT_MS = 30_000

interface AnswerReader {
  /** Of the answer, at most. */
  readonly bytes: number
  /** What an answer of success means, by its text. Absent: its text does not matter. */
  readonly sent?: (text: string) => Sent
  /** How an answer of failure names its cause. */
  readonly detail?: (text: string) => string | null
}

/** @param read null: the text of the answer does not matter */
export async function deliver(outgoing: Outgoing, local: boolean, read: AnswerReader | null = null): Promise<Sent> {
  const answer = await sendOut(outgoing, { local, timeoutMs: TIMEOUT_MS, answerBytes: read?.bytes ?? 0 })
  if ("hindrance" in answer) return failed(answer.hindrance)
  if ("failure" in answer) return failed(answer.failure)
  const { status, retryAfter, text } = answer
  const failure = status === 413 ? "too_large" : failureOf(answer)
  if (failure !== null) {
    const detail = text === null ? null : (read?.detail?.(text) ?? null)
    return { kind: "failed", failure, status, retryAfter, detail }
  }
  if (!read?.sent) return ACCEPTED
  return text === null ? failed("answer_endless") : read.sent(text)
}
