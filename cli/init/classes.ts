/** The classes of the tools that were found: as suggested, or as the person sets them who has seen the suggestions. */
import type { Sensitivity } from "../../src/core/catalog/tool.ts"
import { colors } from "../terminal/colors.ts"
import { askForClasses } from "../import/choose.ts"
import type { FoundTool } from "../import/found-tools.ts"
import type { Class } from "../import/merge.ts"
import { askChoice, askLine } from "../terminal/prompts.ts"
import { suggestedClass } from "./suggest.ts"

export async function classesOf(
  tools: readonly FoundTool[],
  sensitivity: Sensitivity | undefined,
  isAsked: boolean,
): Promise<ReadonlyMap<string, Class>> {
  const suggest = (tool: FoundTool): Class => suggestedClass(tool, sensitivity)
  const suggested = new Map(tools.map((tool) => [tool.name, suggest(tool)]))
  if (!isAsked) return suggested
  console.error(`\n${classTable(tools, suggested)}\n`)
  const choice = await askChoice("The classes are only the claim of the source. Take these suggestions?", [
    { value: "take", label: "Yes", hint: "they can be changed in catalog.yaml" },
    { value: "look", label: "No, go through them one by one" },
  ])
  if (choice === "take") return suggested
  const later = (tool: FoundTool): Class => ({ ...suggest(tool), ...tool.unseen, isLookedAt: false })
  return askForClasses(tools, { suggest, later }, askLine, (line) => console.error(line))
}

/** One tool a line: action, sensitivity, name, labels, and why the source suggests this. */
export function classTable(tools: readonly FoundTool[], classes: ReadonlyMap<string, Class>): string {
  return tools
    .flatMap(({ name, suggestion }) => {
      const given = classes.get(name)
      if (!given) return []
      const { action, sensitivity, labels, mentions } = given
      const words = `${action.padEnd(7)}  ${sensitivity.padEnd(12)}  ${name}`
      const reasons = [
        ...(action === suggestion.action ? [suggestion.because] : []),
        ...(mentions === undefined ? [] : [`mentions "${mentions}"`]),
      ]
      const why = reasons.length === 0 ? [] : [`(${reasons.join("; ")})`]
      const more = [...labels, ...why].join(" ")
      return [`  ${words}${more === "" ? "" : colors.dim(`  ${more}`)}`]
    })
    .join("\n")
}
