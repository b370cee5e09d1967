/** Guardrails and their events are about calls that there can be: what names nothing would silently hold for nothing. */
import { suggest } from "../../../src/core/encoding/nearest.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"
import type { WrittenSelector } from "../schema/selector.ts"
import type { Path } from "../source/source.ts"
import { allTools } from "../model/tools.ts"
import { selectorsOf, toolsMeant, withoutLifecycle } from "./guardrails.ts"
import { patternFault } from "./scopes.ts"

export function checkSelectors(policies: Policies): Problem[] {
  const { guardrails } = policies
  return selectorsOf(guardrails.value).flatMap(({ path, selector, coversLifecycle }) =>
    toolsOf(policies, path, selector, coversLifecycle).concat(namesOf(policies, path, selector)),
  )
}

function toolsOf(
  { catalog, guardrails }: Policies,
  path: Path,
  selector: WrittenSelector,
  coversLifecycle: boolean,
): Problem[] {
  const tools = allTools(catalog.value)
  const faults = selector.tools.flatMap((pattern, at) => {
    const fault = patternFault(pattern, tools)
    return fault ? [guardrails.error([...path, "tools", at], fault.message, fault.fix)] : []
  })
  const labels = new Set(tools.flatMap((tool) => tool.labels))
  const unknown = (selector.labels ?? []).flatMap((label, at) => {
    if (labels.has(label)) return []
    const fix = suggest(label, labels, "Give it to a tool of catalog.yaml, or remove it.")
    return [guardrails.error([...path, "labels", at], `no tool has the label \`${label}\``, fix)]
  })
  const meant = toolsMeant(selector, tools)
  if (faults.length + unknown.length > 0) return [...faults, ...unknown]
  if (meant.length > 0) {
    if (coversLifecycle || withoutLifecycle(meant).length > 0) return []
    const message = "these are lifecycle tools of MCP servers, of which only windows know"
    return [guardrails.error([...path, "tools"], message, "Name tools that the servers list themselves.")]
  }
  const narrowed = (["actions", "labels", "sensitivity"] as const).filter((key) => selector[key] !== undefined)
  const message = `none of these tools is within its ${narrowed.map((key) => `\`${key}\``).join(", ")}`
  return [guardrails.error([...path, "tools"], message, "Name other tools, or widen what narrows them.")]
}

function namesOf({ agents, gateways, guardrails }: Policies, path: Path, selector: WrittenSelector): Problem[] {
  const lists = [
    {
      key: "agents",
      names: agents.value.agents.map(({ id }) => id),
      fault: "no agent is called",
      otherwise: "Register it in agents.yaml, or remove it.",
    },
    {
      key: "purposes",
      names: agents.value.purposes.map(({ name }) => name),
      fault: "no purpose is called",
      otherwise: "Add it to agents.yaml, or remove it.",
    },
    {
      key: "environments",
      names: [...new Set(gateways.value.gateways.map(({ environment }) => environment))],
      fault: "no gateway is in environment",
      otherwise: "Add a gateway with this `environment`, or remove it.",
    },
  ] as const
  return lists.flatMap(({ key, names, fault, otherwise }) =>
    (selector[key] ?? []).flatMap((name, at) => {
      if (names.includes(name)) return []
      return [guardrails.error([...path, key, at], `${fault} \`${name}\``, suggest(name, names, otherwise))]
    }),
  )
}
