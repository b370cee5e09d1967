/** Which calls: the same fields in every entry of guardrails.yaml and in every event of a condition. */
import { z } from "zod"
import { ACTIONS, SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import type { Selector } from "../../../src/core/guardrails/definition.ts"
import { argumentBound } from "./grant.ts"
import { argumentName, label, name, toolPattern } from "./values.ts"

export const selectorFields = {
  tools: z.array(toolPattern).min(1).describe("Tools or patterns. `*` includes the lifecycle tools of MCP servers."),
  actions: z.array(z.enum(ACTIONS)).min(1).exactOptional().describe("Only tools of these action classes."),
  labels: z.array(label).min(1).exactOptional().describe("Only tools with at least one of these labels."),
  sensitivity: z.enum(SENSITIVITIES).exactOptional().describe("Only tools with at least this sensitivity."),
  agents: z.array(z.string()).min(1).exactOptional().describe("Only calls of these agents."),
  purposes: z.array(name).min(1).exactOptional().describe("Only calls of tasks of these purposes."),
  environments: z.array(name).min(1).exactOptional().describe("Only calls through gateways of these environments."),
  arguments: z
    .record(argumentName, argumentBound)
    .exactOptional()
    .describe(
      "Only calls whose arguments are within all of these bounds. If the arguments are not visible, they may be.",
    ),
}

const selector = z.strictObject(selectorFields)
export type WrittenSelector = z.infer<typeof selector>

/** As a bundle has it. */
export function toSelector(written: WrittenSelector): Selector {
  const { tools, actions, labels, sensitivity, agents, purposes, environments, arguments: bounds } = written
  return {
    tools,
    ...(actions && { actions }),
    ...(labels && { labels }),
    ...(sensitivity && { sensitivity }),
    ...(agents && { agents }),
    ...(purposes && { purposes }),
    ...(environments && { environments }),
    ...(bounds && { arguments: bounds }),
  }
}
