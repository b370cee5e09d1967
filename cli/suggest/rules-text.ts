/**
 * Cedar rules of their own file: forbids that keep an agent's calls within the arguments that were seen, and permits for
 * calls that an observing gateway let happen although policy permits them to nobody. No forbid is ever loosened. What an
 * argument means is bounded by name in the catalog, and read by the rule.
 */
import type { TypedTool } from "../import/schema-text.ts"
import { isRedacted } from "../../src/core/catalog/redaction.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { cedarIdentifier, isIdentifier } from "./cedar-names.ts"
import { boundOf, FEWEST_CALLS, isPlain, TOO_FEW, type SuggestedBound } from "./bounds.ts"
import { evidenceText } from "./evidence.ts"
import type { ObservedUse, ToolUse } from "./observed-use.ts"
import { NO_CALL_TYPE } from "./schema-bounds.ts"
import { slugsOf } from "./slug.ts"

export const RULES = "suggested.cedar"

export interface BoundRule {
  readonly id: string
  /** Of the bound in the catalog; null if the rule compares the argument itself. */
  readonly boundName: string | null
  readonly agent: string
  readonly tool: Tool
  readonly argument: string
  readonly bound: SuggestedBound
}

export interface RulesText {
  readonly text: string
  readonly bounds: readonly BoundRule[]
  /** Arguments that the rules read, for schema.cedarschema. */
  readonly typed: readonly TypedTool[]
  readonly notes: readonly string[]
}

/** Calls that policy denied, and that happened nevertheless. */
export interface UnpermittedUse {
  readonly agent: string
  readonly tool: string
  /** `user` or the agent. */
  readonly principal: "user" | "agent"
  readonly groups: readonly string[]
  readonly use: ToolUse
}

/**
 * @param canNameBounds whether schema.cedarschema can declare bounds of the catalog
 * @param otherIds of the rules in other files
 */
export function rulesText(
  body: BundleBody,
  use: ObservedUse,
  agents: ReadonlySet<string>,
  unpermitted: readonly UnpermittedUse[],
  withBounds: boolean,
  canNameBounds: boolean,
  otherIds: Iterable<string>,
): RulesText {
  const slugs = slugsOf(body.agents.map(({ id }) => id))
  const tools = new Map(body.tools.map((tool) => [tool.name, tool]))
  const notes: string[] = []
  const idOf = uniqueIds(otherIds)
  const permits = unpermitted.flatMap((each) => permitFor(each, tools, slugs, notes, idOf))
  const bounds = withBounds ? boundsFor(body, use, agents, slugs, notes, canNameBounds, idOf) : []
  const rules = [...permits, ...bounds.map((rule) => forbidFor(rule, use))]
  const head = "// Made by `narrowgate suggest` from decision records: what is here follows from what was used.\n"
  const types = bounds.flatMap(({ tool, argument, bound: { by } }): TypedTool[] => {
    return "named" in by ? [] : [{ name: tool.name, inputs: new Map([[argument, { type: by.type, left: [] }]]) }]
  })
  return { text: rules.length === 0 ? "" : [head, ...rules].join("\n"), bounds, typed: types, notes }
}

function boundsFor(
  body: BundleBody,
  use: ObservedUse,
  agents: ReadonlySet<string>,
  slugs: ReadonlyMap<string, string>,
  notes: string[],
  canNameBounds: boolean,
  idOf: NameOf,
): readonly BoundRule[] {
  const boundNameOf = uniqueBoundNames()
  return body.agents.flatMap(({ id: agent }) => {
    const uses = agents.has(agent) ? use.byAgent.get(agent) : undefined
    if (!uses) return []
    const few = [...uses].filter(([, { calls, arguments: args }]) => calls < FEWEST_CALLS && args.size > 0)
    if (few.length > 0) {
      const names = few.map(([name, { calls }]) => `${name} (${calls})`).toSorted()
      notes.push(`${agent}: ${TOO_FEW} of ${names.join(", ")}, so no bounds on their arguments`)
    }
    return body.tools.flatMap((tool): BoundRule[] => {
      const ofTool = uses.get(tool.name)
      if (!ofTool) return []
      return [...ofTool.arguments]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([argument, values]) => {
          if (isRedacted(argument, tool.redact)) return []
          // The caller has chosen the name, if a guardrail or rule reads all arguments.
          if (!isPlain(argument)) {
            notes.push(`${agent}: no bound on \`${argument}\` of ${tool.name}: its name is no plain text`)
            return []
          }
          const path = `context.arguments${isIdentifier(argument) ? `.${argument}` : `[${JSON.stringify(argument)}]`}`
          const bound = boundOf(values, ofTool.calls, path)
          if ("none" in bound) {
            if (bound.none !== TOO_FEW)
              notes.push(`${agent}: no bound on \`${argument}\` of ${tool.name}: ${bound.none}`)
            return []
          }
          const isNamed = "named" in bound.by
          if (isNamed && !canNameBounds) {
            notes.push(`${agent}: no bound on \`${argument}\` of ${tool.name}, which ${bound.words}: ${NO_CALL_TYPE}`)
            return []
          }
          const parts = [slugs.get(agent) ?? "agent", tool.name, argument]
          return [{ id: idOf(parts), boundName: isNamed ? boundNameOf(parts) : null, agent, tool, argument, bound }]
        })
    })
  })
}

type NameOf = (parts: readonly string[]) => string

/** Letters, digits, `-` and `_`, and none that there is already. */
function uniqueIds(others: Iterable<string>): NameOf {
  const taken = new Set(others)
  return (parts) => {
    const base = parts
      .join("-")
      .replaceAll(/[^\w-]+/gu, "-")
      .toLowerCase()
    return taking(taken, base, "-")
  }
}

/** As rules read it; nobody else's begins so. */
function uniqueBoundNames(): NameOf {
  const taken = new Set<string>()
  return (parts) => {
    const base = ["suggested", ...parts]
      .join("_")
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/gu, "_")
    return taking(taken, base.slice(0, LONGEST_BOUND_NAME), "_")
  }
}
/** With a number behind it, it still is a name. */
const LONGEST_BOUND_NAME = 60

function taking(taken: Set<string>, base: string, separator: string): string {
  let name = base
  for (let number = 2; taken.has(name); number++) name = `${base}${separator}${number}`
  taken.add(name)
  return name
}

/** What is known of the values of a bounded argument, with its evidence. */
export function reasonFor({ agent, tool, argument, bound }: BoundRule, use: ObservedUse): string {
  const evidence = use.byAgent.get(agent)?.get(tool.name)?.evidence
  return `${evidence ? evidenceText(evidence) : ""}: \`${cedarIdentifier(argument)}\` ${bound.words}`
}

function forbidFor(rule: BoundRule, use: ObservedUse): string {
  const { id, boundName, agent, tool, argument, bound } = rule
  const condition =
    "named" in bound.by
      ? `context.bounds.${boundName}`
      : `context.arguments has ${cedarIdentifier(argument)} && ${bound.by.condition}`
  return `// ${reasonFor(rule, use)}.
@id("${id}")
forbid (
  principal == Agent::${JSON.stringify(agent)},
  action == Action::"${tool.action}",
  resource == Tool::${JSON.stringify(tool.name)}
)
unless { ${condition} };
`
}

function permitFor(
  { agent, tool: name, principal, groups, use }: UnpermittedUse,
  tools: ReadonlyMap<string, Tool>,
  slugs: ReadonlyMap<string, string>,
  notes: string[],
  idOf: NameOf,
): string[] {
  const tool = tools.get(name)
  if (!tool) return []
  const [group] = groups
  if (principal === "user" && group === undefined) {
    notes.push(`policy permits ${name} to none of the users, who have no group in common: write a rule for them`)
    return []
  }
  const who =
    principal === "agent"
      ? `principal == Agent::${JSON.stringify(agent)}`
      : `principal in UserGroup::${JSON.stringify(group)}`
  const id = idOf([principal === "agent" ? (slugs.get(agent) ?? "agent") : `group-${group}`, "uses", name])
  return [
    `// ${evidenceText(use.evidence)}: policy permitted it to nobody.
@id("${id}")
permit (
  ${who},
  action in [Action::"${tool.action}", Action::"delegate"],
  resource == Tool::${JSON.stringify(name)}
);
`,
  ]
}
