import type { Notice } from "../../core/notices/notice.ts"
import type { ReceiverDefinition } from "../../core/policy/definition/receivers.ts"
import type { Message, FormatError, FormatContext } from "./message.ts"
import { setMessage } from "./set.ts"
import { slackMessage } from "./slack.ts"
import { standardMessage } from "./standard.ts"

export async function messageOf(
  receiver: ReceiverDefinition,
  notice: Notice,
  making: FormatContext,
): Promise<Message | FormatError> {
  switch (receiver.format) {
    case "standard":
      return standardMessage(receiver, notice, making)
    case "slack":
      return slackMessage(notice, making)
    case "set":
      return setMessage(receiver, notice, making)
    default:
      return receiver satisfies never
  }
}
