/** What was found and written, for people and as JSON. Names come from the source, so all are escaped. */
import { DIALECTS } from "../../src/core/policy/definition/gateways.ts"
import { colors } from "../terminal/colors.ts"
import { jsonText, escaped } from "../terminal/escape.ts"
import { classTable } from "./classes.ts"
import { nextCommands } from "./next.ts"
import { GATEWAY, type Plan } from "./files/plan.ts"

export function report(directory: string, plan: Plan, files: readonly string[], key: string, json: boolean): void {
  const { found, gateway, classes } = plan
  const next = nextCommands(directory, plan)
  if (json) {
    const summary = { directory, files, source: found.source, classes: Object.fromEntries(classes), key, next }
    return console.log(jsonText({ ...summary, refused: found.refused, skipped: found.skipped, notes: notesOf(plan) }))
  }
  const left = [...found.refused, ...found.skipped].map(
    ({ what, why }) => `  left out ${escaped(what, 200)}: ${escaped(why, 300)}`,
  )
  const lines = [
    `${colors.bold(found.prefix)}: ${escaped(found.source)}`,
    classTable(classes),
    ...left,
    ...notesOf(plan).map((note) => `  ${colors.yellow("note")}  ${escaped(note, 600)}`),
    "",
    colors.green(`${directory}: written, and it checks (${files.length} files)`),
    "",
    `The key of the gateway \`${GATEWAY}\` (${gateway.dialect}), shown only now; its SHA-256 is in gateways.yaml:`,
    `  ${colors.bold(key)}`,
    "",
    "Next:",
    ...next.map((command) => `  ${colors.cyan(command)}`),
  ]
  console.log(lines.join("\n"))
}

const BLIND =
  "forwards no bodies, and this server enforces no headers: its tools cannot be distinguished there, and are denied"

function notesOf({ found, gateway, probe }: Plan): readonly string[] {
  const { reached } = found
  if (reached.by === "routes") return found.notes
  const isBlind = !DIALECTS[gateway.dialect].body && !reached.enforcesHeaders
  return [
    ...found.notes,
    ...(isBlind ? [`${gateway.dialect} ${BLIND}`] : []),
    ...(probe === null ? ["Narrowgate cannot reach the server itself, so nothing checks the pins: add a `probe`"] : []),
  ]
}
