/** `@remedy("approval:…")` names whom there is to ask, on a rule that their answer lifts. */
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { parseRemedy } from "../../../src/core/policy/cedar/remedy.ts"
import type { LoweredJson, PlacedRule } from "../rules/lower.ts"
import { suggest } from "../../../src/core/encoding/nearest.ts"
import { problemAt } from "../rules/rule-position.ts"
import type { Policies } from "../model/policies.ts"
import type { Problem } from "../source/problem.ts"

/** What the consent of a task's user is called, where it is opened. */
const CONSENT = "user"

export function checkRemedies({ approvers }: Policies, placed: readonly PlacedRule[]): Problem[] {
  const names = approvers.value.approvals.map(({ name }) => name)
  return placed.flatMap(({ rule, from }) => {
    const remedy = parseRemedy(rule.remedy ?? "")
    if (remedy?.kind !== "approval") return []
    const fault = faultOf(rule, remedy.name, names)
    if (!fault) return []
    const { message, fix } = fault
    if ("link" in from) return [from.links.error(["links", from.index, "template"], message, fix)]
    const { file, source } = from
    const start = source.text.indexOf(`approval:${remedy.name}`)
    const text = `approval:${remedy.name}`
    return [problemAt({ file, source: { text, offset: source.offset + start } }, message, fix)]
  })
}

function faultOf(
  rule: LoweredJson,
  name: string,
  names: readonly string[],
): { readonly message: string; readonly fix: string } | null {
  const of = `@remedy of rule "${rule.id}"`
  const { delegates, calls } = aboutOf(rule.policy)
  const isKnown = name === CONSENT ? delegates : names.includes(name)
  if (!isKnown) {
    const approvalNames = [...names, ...(delegates ? [CONSENT] : [])]
    return {
      message: `${of}: no approval is called \`${name}\``,
      fix: suggest(name, approvalNames, "Add it to approvers.yaml."),
    }
  }
  if (name !== CONSENT && !calls) {
    const message = `${of} lifts nothing: to a task that is opened only its user consents`
    return { message, fix: `Write \`approval:${CONSENT}\`, or make it a rule about calls.` }
  }
  if (looksFor(rule, name)) return null
  const message = `${of} lifts nothing: the rule does not ask for it`
  return { message, fix: `Write \`unless { context.approvals.contains("${name}") }\`.` }
}

/** Whether the rule may be about the opening of tasks, and about calls. */
function aboutOf({ action }: Readonly<Record<string, unknown>>): {
  readonly delegates: boolean
  readonly calls: boolean
} {
  const text = JSON.stringify(action)
  const isAny = isNode(action) && action.op === "All"
  return {
    delegates: isAny || text.includes('"delegate"'),
    calls: isAny || ["read", "write", "execute"].some((id) => text.includes(`"${id}"`)),
  }
}

function looksFor({ facts = [], policy }: LoweredJson, name: string): boolean {
  const reads = facts.includes("*") || facts.includes("approvals")
  return reads && JSON.stringify(policy.conditions).includes(JSON.stringify(name))
}
