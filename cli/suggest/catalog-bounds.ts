/** `bounds` of catalog.yaml: what rules of the suggestion read of what an argument means. */
import { isDeepStrictEqual } from "node:util"
import type { Splice } from "../import/text-edits.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import type { ObservedUse } from "./observed-use.ts"
import { reasonFor, type BoundRule } from "./rules-text.ts"
import { flow, YamlText } from "./yaml-edits.ts"

/** Null: they are written in a way that cannot be changed here. */
export function catalogBounds(
  text: string,
  body: BundleBody,
  use: ObservedUse,
  rules: readonly BoundRule[],
): readonly Splice[] | null {
  const yaml = new YamlText(text)
  const splices: (Splice | null)[] = []
  const entries: (readonly string[])[] = []
  for (const rule of rules) {
    const { boundName: name, argument, bound } = rule
    if (name === null || !("named" in bound.by)) continue
    const wanted = { [argument]: bound.by.named }
    const index = body.bounds.findIndex((each) => each.name === name)
    if (index < 0) entries.push([`# ${reasonFor(rule, use)}.`, `- name: ${name}`, `  arguments: ${flow(wanted)}`])
    else if (!isDeepStrictEqual(body.bounds[index]?.arguments, wanted)) {
      splices.push(yaml.value(["bounds", index, "arguments"], flow(wanted)))
    }
  }
  const lines = entries.flatMap((entry, index) => (index === 0 ? entry : [""].concat(entry)))
  if (lines.length > 0) splices.push(yaml.itemOf("bounds", lines))
  const found = splices.filter((splice) => splice !== null)
  return found.length === splices.length ? found : null
}
