/** One try to deliver a message. The response's body does not matter. */
import { sendOut } from "../platform/outgoing.ts"
import type { Message } from "./formats/message.ts"
import type { ReceiverResponse } from "./retry.ts"

const TIMEOUT_MS = 10_000

/** @param local loopback may be reached */
export async function post(
  message: Message,
  local: boolean,
): Promise<ReceiverResponse | { readonly hindrance: "url_refused" }> {
  return sendOut({ ...message, method: "POST" }, { local, timeoutMs: TIMEOUT_MS, answerBytes: 0 })
}
