/** Which calls: the same fields in every entry of guardrails.yaml and in every event of a condition. */
import { z } from "zod"
import { ACTIONS, SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import { argumentBound } from "./grant.ts"
import { argumentName, label, name, toolPattern } from "./values.ts"

export const selectorFields = {
  tools: z.array(toolPattern).min(1).describe("Which tools. `*` has the lifecycle tools of MCP servers in it."),
  actions: z.array(z.enum(ACTIONS)).min(1).exactOptional().describe("Only tools of these action classes."),
  labels: z.array(label).min(1).exactOptional().describe("Only tools with at least one of these labels."),
  sensitivity: z.enum(SENSITIVITIES).exactOptional().describe("Only tools that are at least so sensitive."),
  agents: z.array(z.string()).min(1).exactOptional().describe("Only calls of these agents."),
  purposes: z.array(name).min(1).exactOptional().describe("Only calls of tasks of these purposes."),
  environments: z.array(name).min(1).exactOptional().describe("Only behind gateways of these environments."),
  arguments: z
    .record(argumentName, argumentBound)
    .exactOptional()
    .describe("Only calls whose arguments are within all of these bounds; where they are not seen, they might be."),
}

const selector = z.strictObject(selectorFields)
export type WrittenSelector = z.infer<typeof selector>
