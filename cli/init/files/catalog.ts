/** catalog.yaml: as an import writes it, below an introduction. */
import { compare, merge } from "../../import/merge.ts"
import { field } from "../../import/catalog-text.ts"
import type { Class } from "../../import/merge.ts"
import { escaped } from "../../terminal/escape.ts"
import { isWithin, toolsFor, type Plan } from "./plan.ts"

export function catalogText(plan: Plan): string {
  // The entry of the server is there before the merge.
  const found =
    plan.found.reached.by === "server" ? { ...plan.found, reached: { ...plan.found.reached, at: null } } : plan.found
  const differences = compare(emptyCatalog(plan), found, { prune: false })
  const decisions = { classes: plan.classes, accepted: new Set<string>(), pruned: new Set<string>() }
  return `${withAllowed(merge(emptyCatalog(plan), differences, decisions).text, plan)}${leftOut(plan)}`
}

/** What is listed of tools that the catalog lacks; the report of the command has all of them. */
const MOST_LEFT = 100

function leftOut({ found }: Plan): string {
  const left = [...found.refused, ...found.skipped]
  if (left.length === 0) return ""
  const lines = left.slice(0, MOST_LEFT).map(({ what, why }) => `#   ${escaped(what, 200)}: ${escaped(why, 300)}`)
  const more = left.length > MOST_LEFT ? [`#   and ${left.length - MOST_LEFT} more`] : []
  return `\n${[LEFT, ...lines, ...more].join("\n")}\n`
}

const LEFT = "# Left out, so that calls of them are denied unless a tool above stands for them too:"

/** Tools that nobody may call are there on purpose, so a comment for `check` says why. */
function withAllowed(text: string, plan: Plan): string {
  const isPermitted = (given: Class): boolean =>
    isWithin(plan, given) && (given.action === "read" || plan.writes === "guarded")
  const others = new Set(toolsFor(plan, (given) => !isPermitted(given)))
  return text.replaceAll(/^( *)- name: (.*)$/gmu, (line, indent: string, name: string) => {
    if (!others.has(name.replaceAll(/^"|"$/gu, ""))) return line
    return `${indent}# lint-allow unpermitted-tool: access.cedar says why nobody may call it yet\n${line}`
  })
}

function emptyCatalog(plan: Plan): string {
  const { reached } = plan.found
  const head = `\
# The tools that can be called. A tool that is not listed here cannot be, whatever the rules say. A tool has an action class (read,
# write, execute), a sensitivity (public < internal < confidential < restricted) of what it gives out or touches, and
# labels that say what a task has done once it called it, which its agents carry into their other tasks for the same
# user: a rule of limits.cedar denies tools with \`sink:external\` after a call of one with \`reads:confidential\`.
`
  if (reached.by === "routes") return `${head}${ROUTES}\nservers: []\n\ntools: []\n`
  const lines = [
    `  - ${field("name", plan.found.prefix)}`,
    `    ${field("origin", plan.at.origin)}`,
    `    ${field("path", plan.at.path)}`,
    ...(reached.enforcesHeaders ? [`    ${field("enforces_headers", true)}`] : []),
    ...(plan.probe === null ? [] : ["    probe:", `      ${field("url", plan.probe)}`]),
  ]
  return `${head}${SERVER}\nservers:\n${lines.join("\n")}\n\n${PINS}\ntools: []\n`
}

const ROUTES = `#
# Classes are what the document suggests, for the reason in the comment, and that is a claim: review each.
# \`narrowgate import openapi\` adds later operations, and changes nothing that you wrote.
`

const SERVER = `#
# Classes are what the server suggests, for the reason in the comment, and that is a claim: review each.
# \`narrowgate import mcp\` adds later tools, and changes nothing that you wrote.

# Agents reach the server at \`origin\` and \`path\`, through the gateway. By its \`probe\` Narrowgate checks it.`

const PINS = `\
# \`pinned\` is the hash of the definition that the server gave of a tool when it was added. While the definition
# differs, calls of the tool are denied as \`tool_changed\`, until an operator accepts it: \`narrowgate import mcp …
# --repin\`.`
