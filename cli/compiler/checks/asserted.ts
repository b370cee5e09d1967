/** `country` and `network` are what gateways assert: if none does, no condition can use them. */
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { WrittenSelector } from "../schema/selector.ts"
import { gatewaysOf } from "../model/gateways-of-tool.ts"
import { allTools } from "../model/tools.ts"
import { fieldsOf, toolsMeant } from "./guardrails.ts"

const HEADERS = { country: "country", network: "client_ip" } as const

export function checkAsserted(policies: Policies): Problem[] {
  const { catalog, guardrails } = policies
  const tools = allTools(catalog.value)
  return fieldsOf(guardrails.value).flatMap(({ path, field, of }) => {
    if (field !== "country" && field !== "network") return []
    const header = HEADERS[field]
    const isAsserted = (selector: WrittenSelector) =>
      toolsMeant(selector, tools)
        .flatMap(({ name }) => gatewaysOf(name, selector, policies))
        .some(({ asserts }) => asserts?.[header] !== undefined)
    if (of.every(isAsserted)) return []
    const message = `no gateway asserts the \`${field}\` of the client of these calls, so it is never known`
    const fix = `Write \`asserts: {${header}: HEADER}\` for a gateway that serves these tools, or another field.`
    return [guardrails.error(path, message, fix)]
  })
}
