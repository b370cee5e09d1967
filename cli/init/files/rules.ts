/** access.cedar and limits.cedar: who may read, what nobody may do, and what remains to be permitted by hand. */
import { sensitivityRank } from "../../../src/core/catalog/tool.ts"
import { FRESH_LOGIN_SECONDS, isWithin, LOCAL_ACR, toolsFor, type Plan } from "./plan.ts"

const READ = `Action::"read", Action::"delegate"`
const CHANGE = `Action::"write", Action::"execute", Action::"delegate"`

export function accessRules(plan: Plan): string {
  const { found, agent, group } = plan
  const user = `principal in UserGroup::"${group}"`
  const workload = `principal == Agent::"${agent}"`
  const [people, own] = [`people-of-${slug(group)}`, `agent-${slug(agent.split("/").at(-1) ?? "")}`]
  const reads = ` resource.action == "read" && resource.sensitivity_level <= ${sensitivityRank(plan.highest)} `
  const parts = [
    HEAD,
    ...(found.reached.by === "server" ? [LIFECYCLE] : []),
    permit(`${people}-reads`, user, READ, found.prefix, reads),
    `${OWN}\n${permit(`${own}-reads`, workload, READ, found.prefix, reads)}`,
    changes(plan, [
      { id: `${people}-changes`, who: user },
      { id: `${own}-changes`, who: workload },
    ]),
    tooSensitive(plan),
  ]
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`
}

const HEAD = `\
// Who may do what. A call is allowed only if a rule permits it for the user *and* for every agent of the chain, and no
// \`forbid\` of any file forbids it. \`delegate\` is evaluated when a task is opened: whether a tool may be in its token
// at all. \`sensitivity_level\` counts from 0 (public) to 3 (restricted).`

const OWN = `// The agent itself: it may do no more than this, whatever its user may do.`

const LIFECYCLE = `// What opens and closes a session of MCP, and lists its tools. None of it is work.
@id("lifecycle-for-all")
permit (
  principal,
  action in [${READ}],
  resource in ToolGroup::"mcp-lifecycle"
);`

function permit(id: string, who: string, actions: string, server: string, condition: string): string {
  return `@id("${id}")
permit (
  ${who},
  action in [${actions}],
  resource in Server::"${server}"
)
when {${condition}};`
}

/** Tools that change something: permitted with the condition of limits.cedar, or listed in comments. */
function changes(plan: Plan, rules: readonly { readonly id: string; readonly who: string }[]): string {
  const tools = toolsFor(plan, (given) => given.action !== "read" && isWithin(plan, given))
  if (tools.length === 0) return ""
  const list = tools.map((name) => `    Tool::"${name}"`).join(",\n")
  const condition = `\n  [\n${list}\n  ].contains(resource)\n`
  const text = rules.map(({ id, who }) => permit(id, who, CHANGE, plan.found.prefix, condition)).join("\n\n")
  if (plan.writes === "guarded") return `${GUARDED}\n${text}`
  const scopes = tools.map((name) => `- ${name}:${plan.classes.get(name)?.action ?? "write"}`)
  return `${LISTED}\n//\n${commented(text)}\n//\n${commented(`The scopes:\n${scopes.join("\n")}`)}`
}

/** Nobody gets these tools, and readers of the policies should see why. */
function tooSensitive(plan: Plan): string {
  const tools = toolsFor(plan, (given) => !isWithin(plan, given))
  if (tools.length === 0) return ""
  const list = tools.map((name) => `//   ${name}`).join("\n")
  return `// More than \`${plan.highest}\`, so no rule here and no grant of agents.yaml reaches them:\n${list}`
}

const GUARDED = `\
// Tools that change something. limits.cedar requires a fresh login for them. Keep the tools that the work needs.`

const LISTED = `\
// Tools that change something, and are not permitted yet. To permit some of it, keep its tools below in both rules, take
// the \`//\` away, and add their scopes to the purpose and to the ceiling in agents.yaml: neither gives what the other
// does not. A \`forbid … unless\` in limits.cedar can ask for more, such as a fresh login.`

export function limitRules(plan: Plan): string {
  return `${[LIMITS_HEAD, ...(plan.writes === "guarded" ? [freshLogin(plan)] : []), nothingOut(plan)].join("\n\n")}\n`
}

const LIMITS_HEAD = `\
// What no principal may do, whatever else permits it: a \`forbid\` always wins. A \`forbid\` that errs denies as well.`

/** The check rejects a `forbid` by a label that no tool has: without both labels the rule stands in comments. */
function nothingOut(plan: Plan): string {
  return isFlowLabelled(plan)
    ? `${NOTHING_OUT_HEAD}\n${NOTHING_OUT}`
    : `${NOTHING_OUT_HEAD}\n${NOTHING_OUT_LATER}\n//\n${commented(NOTHING_OUT)}`
}

/** Whether tools have both labels that the rule on the order of calls reads. */
export function isFlowLabelled(plan: Plan): boolean {
  return ["sink:external", "reads:confidential"].every(
    (label) => toolsFor(plan, ({ labels }) => labels.includes(label)).length > 0,
  )
}

const NOTHING_OUT_HEAD =
  "// The order of calls matters: after a confidential read in this task tree, or by one of its agents, nothing is sent outside."

const NOTHING_OUT_LATER = `\
// The rule does not hold yet: it needs tools with both labels. In catalog.yaml, label each tool that reads confidential
// data \`reads:confidential\`, and each that can send data out \`sink:external\`. Then take the \`//\` away below.`

const NOTHING_OUT = `\
@id("no-external-after-confidential")
@message("Confidential data was read in this task, so nothing may be sent outside.")
forbid (
  principal,
  action in [Action::"read", Action::"write", Action::"execute"],
  resource
)
when { resource.labels.contains("sink:external") && context.task.labels.contains("reads:confidential") };`

/** The `acr` for a strong login is not known for other providers. */
function freshLogin({ found, trust }: Plan): string {
  const isLocal = trust.kind === "local"
  const strong = isLocal ? `\n  context.session has acr && context.session.acr == "${LOCAL_ACR}" &&` : ""
  return `\
// A change requires a recent login${isLocal ? ", with a second factor" : ""}.
// \`@remedy\` names to the client what lifts the denial, and \`@message\` is a sentence for the agent.
@id("changes-need-a-fresh-login")
@remedy("step-up:${isLocal ? `${LOCAL_ACR};` : ""}max_age=${FRESH_LOGIN_SECONDS}")
@message("The person has to log in again${isLocal ? ", with a second factor" : ""}: the login is more than ${FRESH_LOGIN_SECONDS} seconds old.")
forbid (
  principal,
  action in [Action::"write", Action::"execute"],
  resource in Server::"${found.prefix}"
)
unless {
  context has session &&${strong}
  context.session has auth_age && context.session.auth_age <= ${FRESH_LOGIN_SECONDS}
};`
}

function commented(text: string): string {
  return text.replaceAll(/^/gmu, "// ").replaceAll(/^\/\/ $/gmu, "//")
}

function slug(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, "-")
    .replaceAll(/^-|-$/gu, "")
}
