/** The contents of a bundle, part by part, as text that people can compare: rules as Cedar, all else as JSON. Pure. */
import { writeRule } from "../../core/policy/cedar/print-rule.ts"
import { writtenGuardrail } from "../../core/guardrails/kinds.ts"
import { assemble, headOf } from "../../core/policy/assemble.ts"
import { partsOf, type Pointer } from "../../core/policy/bundle.ts"

/** By kind, in the order of the page; then by name. */
export type Contents = ReadonlyMap<string, ReadonlyMap<string, string>>

/** @throws if this version cannot read the bundle */
export function contentsOf(text: string, pointer: Pointer): Contents {
  const { engine, catalog, agents, guardrails } = assemble(text, pointer)
  const parts = partsOf({
    ...headOf(text),
    rules: [],
    entities: [],
    tools: [...catalog.tools.values()],
    agents: [...agents.values()],
    guardrails: guardrails.definitions.map(writtenGuardrail),
  })
  const rules = Array.from(engine.written(), ({ rule, scope }): [string, string] => [rule.id, writeRule(rule, scope)])
  const asJson = Array.from(parts, ([kind, byName]): [string, ReadonlyMap<string, string>] => [
    kind,
    new Map(Array.from(byName, ([name, part]) => [name, JSON.stringify(part, null, 2)])),
  ])
  return new Map(asJson).set("rule", new Map(rules))
}
