/** receivers.yaml as a bundle has it: each with what its format takes, and nothing else. */
import type { ReceiverDefinition } from "../../../src/core/policy/definition/receivers.ts"
import type { ReceiversFile } from "../schema/receivers.ts"

/** @param file that the checks have found nothing wrong with */
export function receiversOf({ receivers }: ReceiversFile): readonly ReceiverDefinition[] {
  return receivers.map(
    ({ id, events, format, url = "", approvals, arguments: told = false, audience = "", bearer = false }) => {
      if (format === "set") return { id, events, format, url, audience, bearer }
      const toPeople = { id, events, ...(approvals && { approvals }), arguments: told }
      return format === "slack" ? { ...toPeople, format } : { ...toPeople, format, url }
    },
  )
}
