/** What was found and written, for people and as JSON. Names come from the source, so all are escaped. */
import { DIALECTS } from "../../src/core/policy/definition/gateways.ts"
import { colors } from "../terminal/colors.ts"
import { jsonText, escaped } from "../terminal/escape.ts"
import { classTable } from "./classes.ts"
import { nextCommands } from "./next.ts"
import { GATEWAY, isWithin, toolsFor, type Plan } from "./files/plan.ts"
import { declarationsOf } from "../import/schema-text.ts"
import type { Class } from "../import/merge.ts"
import type { Project } from "./project.ts"

export interface Initialised {
  readonly directory: string
  readonly plan: Plan
  readonly files: readonly string[]
  /** Of the gateway. */
  readonly key: string
  readonly project: Project
}

export function report({ directory, plan, files, key, project }: Initialised, json: boolean): void {
  const { found, gateway, classes } = plan
  const next = [...(project.install === null ? [] : [project.install]), ...nextCommands(directory, plan)]
  if (json) {
    const about = { directory, files, project, source: found.source }
    const summary = { ...about, classes: Object.fromEntries(classes), key, next }
    return console.log(jsonText({ ...summary, refused: found.refused, skipped: found.skipped, notes: notesOf(plan) }))
  }
  const left = [...found.refused, ...found.skipped].map(
    ({ what, why }) => `  left out ${escaped(what, 200)}: ${escaped(why, 300)}`,
  )
  const lines = [
    `${colors.bold(found.prefix)}: ${escaped(found.source)}`,
    classTable(found.tools, classes),
    ...left,
    ...permittedLines(plan),
    ...notesOf(plan).map((note) => `  ${colors.yellow("note")}  ${escaped(note, 600)}`),
    "",
    colors.green(`${directory}: written, and it checks (${files.length} files)`),
    ...project.written.map((file) => colors.green(`${file}: written`)),
    ...project.unchanged.map((file) => `${colors.yellow(file)}: is there already, and is as it was`),
    "",
    `The key of the gateway \`${GATEWAY}\` (${gateway.dialect}), shown only now; its SHA-256 is in gateways.yaml:`,
    `  ${colors.bold(key)}`,
    "",
    "Next:",
    ...next.map((command) => `  ${colors.cyan(command)}`),
  ]
  console.log(lines.join("\n"))
}

/** What may be called now, and what the files say of the rest. */
function permittedLines(plan: Plan): readonly string[] {
  const count = (wanted: (given: Class) => boolean) => toolsFor(plan, wanted).length
  const within = (given: Class): boolean => isWithin(plan, given)
  const reads = count((given) => within(given) && given.action === "read")
  const changes = count((given) => within(given) && given.action !== "read")
  const above = count((given) => !within(given))
  const how = plan.writes === "guarded" ? "after a fresh login" : "not yet: access.cedar has rules for them in comments"
  return [
    `  ${colors.dim("permitted")}  ${tools(reads)} that only ${reads === 1 ? "reads" : "read"}`,
    ...(changes === 0 ? [] : [`  ${colors.dim("permitted")}  ${tools(changes)} that may change something, ${how}`]),
    ...(above === 0 ? [] : [`  ${colors.dim("denied")}     ${tools(above)} above \`${plan.highest}\``]),
  ]
}

const tools = (count: number): string => `${count} ${count === 1 ? "tool" : "tools"}`

/** Arguments that schema.cedarschema could not declare. */
function untypedNote({ found, classes }: Plan): readonly string[] {
  const { left } = declarationsOf(found.tools.filter(({ name }) => classes.has(name)))
  if (left.length === 0) return []
  return [`${left.length} of the arguments have no type that rules can read: schema.cedarschema says which, and why`]
}

const BLIND =
  "forwards no bodies, and this server enforces no headers: its tools cannot be distinguished there, and are denied"

function notesOf(plan: Plan): readonly string[] {
  const { found, gateway, probe } = plan
  const { reached } = found
  if (reached.by === "routes") return [...found.notes, ...untypedNote(plan)]
  const isBlind = !DIALECTS[gateway.dialect].body && !reached.enforcesHeaders
  return [
    ...found.notes,
    ...untypedNote(plan),
    ...(isBlind ? [`${gateway.dialect} ${BLIND}`] : []),
    ...(probe === null ? ["Narrowgate cannot reach the server itself, so nothing checks the pins: add a `probe`"] : []),
  ]
}
