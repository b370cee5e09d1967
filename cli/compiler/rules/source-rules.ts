/**
 * Rules as they were written: for the official engine, which supports templates and links, and for people, who look for
 * the line.
 */
import type { PolicySet } from "@cedar-policy/cedar-wasm/nodejs"
import type { Link } from "./link-template.ts"
import type { RulePosition } from "./rule-position.ts"

export interface WrittenRule {
  readonly id: string
  /** Of the rule, or of the template that `link` fills. */
  readonly place: RulePosition
  readonly link: Link | null
}

/** Of these rules alone. */
export function officialSet(rules: Iterable<WrittenRule>): Required<PolicySet> {
  const staticPolicies: Record<string, string> = {}
  const templates: Record<string, string> = {}
  const templateLinks: Required<PolicySet>["templateLinks"] = []
  for (const { id, place, link } of rules) {
    const { text } = place.source
    if (!link) staticPolicies[id] = text
    else {
      const { template: templateId, principal, resource } = link
      templates[templateId] = text
      const values = { ...(principal && { "?principal": principal }), ...(resource && { "?resource": resource }) }
      templateLinks.push({ templateId, newId: id, values })
    }
  }
  return { staticPolicies, templates, templateLinks }
}
