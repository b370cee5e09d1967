/**
 * Cedar rules of their own file: forbids that keep an agent's calls within the arguments that were seen, and permits for
 * calls that an observing gateway let happen although policy permits them to nobody. No forbid is ever loosened.
 */
import type { TypedTool } from "../import/schema-text.ts"
import { isRedacted } from "../../src/core/catalog/redaction.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { cedarIdentifier, isIdentifier } from "./cedar-names.ts"
import { boundOf, FEWEST_CALLS, isPlain, TOO_FEW, type SuggestedBound } from "./bounds.ts"
import { evidenceText } from "./evidence.ts"
import type { ObservedUse, ToolUse } from "./observed-use.ts"
import { slugsOf } from "./slug.ts"

export const RULES = "suggested.cedar"

export interface BoundRule {
  readonly id: string
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

export function rulesText(
  body: BundleBody,
  use: ObservedUse,
  agents: ReadonlySet<string>,
  unpermitted: readonly UnpermittedUse[],
  withBounds: boolean,
): RulesText {
  const slugs = slugsOf(body.agents.map(({ id }) => id))
  const tools = new Map(body.tools.map((tool) => [tool.name, tool]))
  const notes: string[] = []
  const bounds = withBounds ? boundsFor(body, use, agents, slugs, notes) : []
  const permits = unpermitted.flatMap((each) => permitFor(each, tools, slugs, notes))
  const rules = [...permits, ...bounds.map((rule) => forbidFor(rule, use))]
  const head = "// Made by `narrowgate suggest` from decision records: what is here follows from what was used.\n"
  const types = bounds.map(({ tool, argument, bound }): TypedTool => {
    return { name: tool.name, inputs: new Map([[argument, { type: bound.type, left: [] }]]) }
  })
  return { text: rules.length === 0 ? "" : [head, ...rules].join("\n"), bounds, typed: types, notes }
}

function boundsFor(
  body: BundleBody,
  use: ObservedUse,
  agents: ReadonlySet<string>,
  slugs: ReadonlyMap<string, string>,
  notes: string[],
): readonly BoundRule[] {
  const ids = new RuleIds()
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
          const id = ids.unique([slugs.get(agent) ?? "agent", tool.name, argument])
          return [{ id, agent, tool, argument, bound }]
        })
    })
  })
}

/** Names of arguments that differ in their signs alone have one id: a number tells them apart. */
class RuleIds {
  readonly #taken = new Set<string>()

  unique(parts: readonly string[]): string {
    const base = parts
      .join("-")
      .replaceAll(/[^\w-]+/gu, "-")
      .toLowerCase()
    let id = base
    for (let number = 2; this.#taken.has(id); number++) id = `${base}-${number}`
    this.#taken.add(id)
    return id
  }
}

function forbidFor({ id, agent, tool, argument, bound }: BoundRule, use: ObservedUse): string {
  const evidence = use.byAgent.get(agent)?.get(tool.name)?.evidence
  return `// ${evidence ? evidenceText(evidence) : ""}: \`${argument}\` ${bound.words}.
@id("${id}")
forbid (
  principal == Agent::${JSON.stringify(agent)},
  action == Action::"${tool.action}",
  resource == Tool::${JSON.stringify(tool.name)}
)
unless { context.arguments has ${cedarIdentifier(argument)} && ${bound.condition} };
`
}

function permitFor(
  { agent, tool: name, principal, groups, use }: UnpermittedUse,
  tools: ReadonlyMap<string, Tool>,
  slugs: ReadonlyMap<string, string>,
  notes: string[],
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
  const id = [principal === "agent" ? (slugs.get(agent) ?? "agent") : `group-${group}`, "uses", name]
    .join("-")
    .replaceAll(/[^\w-]+/gu, "-")
    .toLowerCase()
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
