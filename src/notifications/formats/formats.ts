import type { Notice } from "../../core/notices/notice.ts"
import type { ReceiverDefinition } from "../../core/policy/definition/receivers.ts"
import type { Message, FormatError, FormatContext } from "./message.ts"
import { setMessage } from "./set.ts"
import { slackMessage } from "./slack.ts"
import { standardMessage } from "./standard.ts"

export async function messageOf(
  receiver: ReceiverDefinition,
  notice: Notice,
  context: FormatContext,
): Promise<Message | FormatError> {
  switch (receiver.format) {
    case "standard":
      return standardMessage(receiver, notice, context)
    case "slack":
      return slackMessage(notice, context)
    case "set":
      return setMessage(receiver, notice, context)
    default:
      return receiver satisfies never
  }
}
