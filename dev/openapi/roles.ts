/** Which role of an operator each request to manage takes, from the contract. */
import { CONTRACT, ENDPOINT_NAMES } from "../../src/api/contract/contract.ts"
import type { Access, Endpoint } from "../../src/api/contract/endpoint.ts"
import { ROLES } from "../../src/core/policy/definition/operators.ts"
import { anchorOf } from "../reference/table.ts"

/** One row for each request of an operator: the request, its lowest role, and who else may make it. */
export function roleRows(): readonly (readonly string[])[] {
  const rows = ENDPOINT_NAMES.flatMap((name) => {
    const { method, path, access }: Endpoint = CONTRACT[name]
    if (!("role" in access)) return []
    const title = `${method} ${path.replaceAll(/:(\w+)/gu, "{$1}")}`
    return [
      { role: access.role, cells: [`[${title}](#${anchorOf(title)})`, `\`${access.role}\``, othersText(access.by)] },
    ]
  })
  return ROLES.flatMap((role) => rows.filter((row) => row.role === role).map(({ cells }) => cells))
}

function othersText(by: Access["by"]): string {
  switch (by) {
    case "task":
      return "the agent of the task or of an ancestor"
    case "approver":
      return "a person whose approval is requested"
    default:
      return ""
  }
}
