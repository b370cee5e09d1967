/** A first decision table: what the starter policy promises. */
import { field } from "../../import/catalog-text.ts"
import { FRESH_LOGIN_SECONDS, GATEWAY, isWithin, LOCAL_ACR, scopesOf, toolsFor, type Plan } from "../plan.ts"

/** Of each kind: more would show nothing new. */
const MOST_CASES = 3
/** As guardrails.yaml says. */
const BURST = 20

export function tableText(plan: Plan): string {
  const of = (isRead: boolean, isLow: boolean) =>
    toolsFor(plan, (given) => (given.action === "read") === isRead && isWithin(plan, given) === isLow)
  const [reads, changes] = [of(true, true), of(false, true)]
  const beyond = [...of(true, false), ...of(false, false)]
  const tests = [
    ...table(`${plan.agent.split("/").at(-1) ?? ""} reads`, "", reads, "allow"),
    ...(plan.writes === "guarded"
      ? guarded(plan, changes)
      : table("it changes nothing", "", changes, "insufficient_scope")),
    ...table(`nothing above ${plan.highest}`, "", beyond, "insufficient_scope"),
    ...table(
      "nobody else's agent gets anything",
      STRANGER,
      reads.slice(0, 1),
      "{ deny: policy_denied, principal: user }",
    ),
    ...reads.slice(0, 1).map(burst),
  ]
  if (tests.length === 0) return ""
  return `${HEAD}
given:
  user: { subject: alice, groups: ${JSON.stringify([plan.group])} }
  ${field("agent", plan.agent)}
  ${field("purpose", plan.purpose)}
  gateway: ${GATEWAY}

tests:
${tests.join("\n")}`
}

const HEAD = `# What the policies promise: a question, and what should come of it. Each case is decided as the Worker would; change a
# rule, and what it lets through or stops shows here. \`given\` is what all tests start from.
`

const STRANGER =
  "    # Whatever was granted: the rules alone.\n    given: { user: { groups: [] }, rules_alone: true }\n"

function table(name: string, given: string, tools: readonly string[], expected: string): string[] {
  if (tools.length === 0) return []
  const cases = tools.slice(0, MOST_CASES).map((tool) => `      - [${tool}, ${expected}]\n`)
  return [`  - ${field("name", name)}\n${given}    cases:\n${cases.join("")}`]
}

function guarded(plan: Plan, [tool]: readonly string[]): string[] {
  if (tool === undefined) return []
  const wanted = `scope: ${JSON.stringify(scopesOf(plan))}`
  const session = (acr: string, age: number) =>
    plan.trust.kind === "local" ? `{ acr: ${acr}, auth_age: ${age} }` : `{ auth_age: ${age} }`
  const one = (user: string, expected: string) =>
    `      - { given: { user: ${user} }, call: ${tool}, expect: ${expected} }\n`
  return [
    `  - name: it changes something after a fresh login only
    given: { ${wanted} }
    cases:
${one(session(LOCAL_ACR, 60), "allow")}${one(session(LOCAL_ACR, FRESH_LOGIN_SECONDS + 1), "step_up_required")}`,
  ]
}

function burst(tool: string): string {
  return `  - name: a loop ends
    after: [{ call: ${tool}, times: ${BURST} }]
    call: ${tool}
    expect: rate_limited
`
}
