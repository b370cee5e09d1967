/** A first decision table: what the starter policy promises, rule by rule. */
import { LIFECYCLE_TOOLS, lifecycleName } from "../../../src/core/catalog/lifecycle.ts"
import { field } from "../../import/catalog-text.ts"
import { FRESH_LOGIN_SECONDS, GATEWAY, isWithin, LOCAL_ACR, scopesOf, toolsFor, type Plan } from "./plan.ts"
import { BURST } from "./guardrails.ts"
import { operatorOf } from "./operators.ts"
import { isFlowLabelled } from "./rules.ts"

/** Of each kind: more would show nothing new. */
const MOST_CASES = 3

export function tableText(plan: Plan): string {
  const of = (isRead: boolean, isLow: boolean) =>
    toolsFor(plan, (given) => (given.action === "read") === isRead && isWithin(plan, given) === isLow)
  const [reads, changes] = [of(true, true), of(false, true)]
  const beyond = [...of(true, false), ...of(false, false)]
  const agent = plan.agent.split("/").at(-1) ?? ""
  const tests = [
    table(`${agent} reads`, "", reads, "allow"),
    plan.found.reached.by === "server" ? table("it opens sessions and lists tools", "", lifecycle(plan), "allow") : "",
    plan.writes === "guarded" ? guarded(plan, changes) : table("it changes nothing", "", changes, "insufficient_scope"),
    table(`it gets nothing above ${plan.highest}`, "", beyond, "insufficient_scope"),
    precaution(plan, of(true, false)),
    stranger(plan, reads, changes),
    nothingOut(plan),
    burst(plan, reads),
    operators(plan),
  ]
  return `${HEAD}
given:
  user: { subject: alice, ${field("groups", [plan.group])} }
  ${field("agent", plan.agent)}
  ${field("purpose", plan.purpose)}
  gateway: ${GATEWAY}

tests:
${tests.filter((text) => text !== "").join("\n")}`
}

const HEAD = `\
# What the policies promise: a question, and what should come of it. Each case is decided as the Worker would; change a
# rule, and what it then allows or denies shows here. \`given\` is what all tests start from.
`

/** Whatever was granted: the rules of the user, and those of the agent alone. */
function precaution({ highest }: Plan, [tool]: readonly string[]): string {
  if (tool === undefined) return ""
  return `  - name: nor would it if agents.yaml granted more than ${highest}
    given: { rules_alone: true }
    call: ${tool}
    cases:
      - { expect: { deny: policy_denied, principal: user } }
      - { given: { user: null }, expect: policy_denied }
`
}

function stranger(plan: Plan, [read]: readonly string[], [change]: readonly string[]): string {
  const denied = "{ deny: policy_denied, principal: user }"
  const [opening] = plan.found.reached.by === "server" ? lifecycle(plan) : []
  const fresh = `given: { user: ${session(plan, 60)} }`
  const cases = [
    ...(opening === undefined ? [] : [`[${opening}, allow]`]),
    ...(read === undefined ? [] : [`[${read}, ${denied}]`]),
    ...(change === undefined || plan.writes !== "guarded" ? [] : [`{ ${fresh}, call: ${change}, expect: ${denied} }`]),
  ]
  if (cases.length === 0) return ""
  return `  - name: nobody else does${opening === undefined ? "" : ", though anybody may open a session"}
    # Whatever was granted: the rules alone.
    given: { user: { groups: [] }, rules_alone: true }
    cases:
${cases.map((each) => `      - ${each}\n`).join("")}`
}

function table(name: string, given: string, tools: readonly string[], expected: string): string {
  if (tools.length === 0) return ""
  const cases = tools.slice(0, MOST_CASES).map((tool) => `      - [${tool}, ${expected}]\n`)
  return `  - ${field("name", name)}\n${given}    cases:\n${cases.join("")}`
}

function lifecycle({ found }: Plan): readonly string[] {
  return LIFECYCLE_TOOLS.filter((tool) => tool === "initialize" || tool === "tools-list").map((tool) =>
    lifecycleName(found.prefix, tool),
  )
}

function guarded(plan: Plan, [tool]: readonly string[]): string {
  if (tool === undefined) return ""
  return `  - name: it changes something after a fresh login only
    given: { ${field("scope", scopesOf(plan))} }
    call: ${tool}
    cases:
      - { given: { user: ${session(plan, 60)} }, expect: allow }
      - { given: { user: ${session(plan, FRESH_LOGIN_SECONDS + 1)} }, expect: step_up_required }
${plan.trust.kind === "local" ? `      - { given: { user: { acr: pwd, auth_age: 60 } }, expect: step_up_required }\n` : ""}`
}

/** A login so many seconds ago, as strong as limits.cedar requires. */
function session({ trust }: Plan, age: number): string {
  return trust.kind === "local" ? `{ acr: ${LOCAL_ACR}, auth_age: ${age} }` : `{ auth_age: ${age} }`
}

function nothingOut(plan: Plan): string {
  const [sink] = toolsFor(plan, ({ labels }) => labels.includes("sink:external"))
  if (sink === undefined || !isFlowLabelled(plan)) return ""
  return `  - name: once something confidential was read, nothing leaves the house
    given: { labels: [reads:confidential], rules_alone: true, user: ${session(plan, 60)} }
    call: ${sink}
    expect: { deny: policy_denied, rules: [no-external-after-confidential] }
`
}

function burst(plan: Plan, [tool]: readonly string[]): string {
  if (tool === undefined) return ""
  const opening = plan.found.reached.by === "server" ? lifecycle(plan) : []
  const cases = [`[${tool}, rate_limited]`, ...opening.map((name) => `[${name}, allow]`)]
  return `  - name: a loop ends${opening.length === 0 ? "" : ", and its session goes on"}
    after: [{ call: ${tool}, times: ${BURST} }]
    cases:
${cases.map((each) => `      - ${each}\n`).join("")}`
}

function operators({ trust }: Plan): string {
  const subject = operatorOf(trust)
  if (subject === null) return ""
  const as = (role: string) => `given: { operator: { ${field("subject", subject)}, roles: [${role}] } }`
  const allow = (rule: string) => `expect: { allow: true, rules: [${rule}] }`
  return `  - name: an operator looks and revokes, a viewer looks, an approver answers
    given: { operator: { ${field("subject", subject)} } }
    cases:
      - { manage: GET decisions, expect: allow }
      - { manage: POST revocations, ${allow("operators-manage")} }
      - { ${as("viewer")}, manage: GET decisions, ${allow("viewers-look")} }
      - { ${as("viewer")}, manage: POST explanations, ${allow("viewers-look")} }
      - { ${as("viewer")}, manage: POST approvals, expect: policy_denied }
      - { ${as("approver")}, manage: GET decisions, ${allow("approvers-answer")} }
      - { ${as("approver")}, manage: POST approvals, ${allow("approvers-answer")} }
      - { ${as("approver")}, manage: POST explanations, ${allow("approvers-answer")} }
      - { ${as("approver")}, manage: POST revocations, expect: policy_denied }
`
}
