/** Arguments that a guardrail asks for, of calls of which no gateway shows any: each of them would be denied. */
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { kindOf } from "../../../src/core/guardrails/kinds.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import { entriesOf } from "../schema/guardrails.ts"
import type { WrittenSelector } from "../schema/selector.ts"
import { gatewaysOf } from "../model/gateways-of-tool.ts"
import { allTools } from "../model/tools.ts"
import { fieldsOf, sumsOf, toolsMeant, withoutLifecycle } from "./guardrails.ts"

export function checkSeen(policies: Policies): Problem[] {
  const { catalog, guardrails } = policies
  const tools = allTools(catalog.value)
  const work = withoutLifecycle(tools)
  const argumentFields = [...fieldsOf(guardrails.value), ...sumsOf(guardrails.value)].filter(({ field }) =>
    isArgument(field),
  )
  return [
    ...argumentFields.flatMap(({ path, field, of }) => {
      const unseen = of
        .flatMap((selector) => toolsMeant(selector, work).filter((tool) => !isSeen(tool, selector, policies)))
        .at(0)
      if (!unseen) return []
      const message = `no gateway forwards the bodies of \`${unseen.name}\`, so \`${field}\` is never seen`
      const fix = "Write `body: true` for one that serves it, or leave the tool out of `tools`."
      return [guardrails.error(path, message, fix)]
    }),
    ...entriesOf(guardrails.value).flatMap(({ path, entry, section }) => {
      const guardrail = section.toGuardrail(entry)
      const kind = kindOf(guardrail)
      if (!kind.coversLifecycle(guardrail)) return []
      const opening = toolsMeant(entry, tools).find((tool) => !work.includes(tool))
      const per = opening ? (kind.count(guardrail)?.per ?? []) : []
      return per.flatMap((field, at) => {
        if (!opening || !isArgument(field)) return []
        const message = `\`${opening.name}\` has no arguments, so no session could be opened`
        return [guardrails.error([...path, "per", at], message, "Name tools that the server lists itself.")]
      })
    }),
  ]
}

function isArgument(field: string): boolean {
  return field.startsWith("arguments.")
}

/** A GET has no body: all of its arguments are seen. Those of a resource are its URI, which headers have too. */
function isSeen({ name }: Tool, selector: WrittenSelector, policies: Policies): boolean {
  const { route, resource } = policies.catalog.value.tools.find((listed) => listed.name === name) ?? {}
  return (
    resource !== undefined ||
    route?.methods.includes("GET") === true ||
    gatewaysOf(name, selector, policies).some(({ body }) => body)
  )
}
