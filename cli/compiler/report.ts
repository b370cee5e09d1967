/** Problems as compilers report them: place, message, the line with what is meant underlined, the fix. */
import { join } from "node:path"
import { colors } from "../terminal/colors.ts"
import { escaped, escapedLines, escapedSource } from "../terminal/escape.ts"
import type { Compiled } from "./compile.ts"
import type { Problem } from "./source/problem.ts"

export type Reported = Pick<Compiled, "problems" | "texts">

/** A longer line is shown round the caret only. */
const EXCERPT_WIDTH = 140
/** Of one lint: a catalog that was just imported has hundreds of tools of which the same is to be said. */
const MOST_OF_A_LINT = 20

export function reportProblems(directory: string, { problems, texts }: Reported): string {
  const lines = new Map<string, readonly string[]>()
  // A log is read by more people than the file: a private key is not repeated there, whatever else its line is reported for.
  const secret = new Set(problems.filter(({ message }) => PRIVATE.test(message)).map(placeOf))
  const lineOf = (problem: Problem): string | undefined => {
    if (secret.has(placeOf(problem))) return undefined
    const { file, line } = problem
    const fileLines = lines.get(file) ?? texts.get(file)?.split(/\r?\n/u) ?? []
    lines.set(file, fileLines)
    return fileLines[line - 1]
  }
  const counts = new Map<string, number>()
  const listed = problems.filter(({ lint }) => {
    if (lint === undefined) return true
    const count = (counts.get(lint) ?? 0) + 1
    counts.set(lint, count)
    return count <= MOST_OF_A_LINT
  })
  const left = [...counts].flatMap(([lint, count]) =>
    count > MOST_OF_A_LINT ? [`${count - MOST_OF_A_LINT} more of [${lint}]: --json lists all\n`] : [],
  )
  return [...listed.map((problem) => describe(directory, problem, lineOf(problem))), ...left].join("\n")
}

/** `2 errors, 1 warning`. */
export function countProblems(problems: readonly Problem[]): string {
  return (["error", "warning", "note"] as const)
    .map((kind) => plural(problems.filter(({ severity }) => severity === kind).length, kind))
    .filter((part) => part !== "")
    .join(", ")
}

const PRIVATE = /\bprivate key\b/u

const placeOf = ({ file, line }: Problem): string => `${file}:${line}`

const COLOUR = { error: colors.red, warning: colors.yellow, note: colors.cyan }

function describe(directory: string, problem: Problem, text: string | undefined): string {
  const { file, line, column, severity, lint, message, fix } = problem
  const place = colors.bold(`${escaped(join(directory, file))}:${line}:${column}`)
  const name = lint === undefined ? "" : ` ${colors.dim(`[${lint}]`)}`
  const headline = `${place} ${COLOUR[severity](severity)}: ${escapedLines(message)}${name}`
  return [headline, ...excerptOf(text, problem), `  ${colors.cyan("fix:")} ${escapedLines(fix)}`, ""].join("\n")
}

function excerptOf(source: string | undefined, { line, column, end, severity }: Problem): string[] {
  if (source === undefined || source.trim() === "") return []
  const from = column > EXCERPT_WIDTH - 20 ? column - EXCERPT_WIDTH / 2 : 0
  const excerpt = source.slice(from, from + EXCERPT_WIDTH)
  const gutter = String(line).padStart(5)
  // Tabs stay tabs, so that the caret stands below its column whatever the terminal makes of them.
  const indent = escapedSource(excerpt.slice(0, column - 1 - from)).replace(/[^\t]/gu, " ")
  // What goes on for lines is underlined to the end of its first.
  const until = end?.line === line ? end.column - 1 : end ? source.trimEnd().length : column
  const meant = escapedSource(source.slice(column - 1, Math.min(until, from + excerpt.length)))
  const width = Math.max(1, meant.length)
  return [
    `${colors.dim(`${gutter} |`)} ${escapedSource(excerpt)}`,
    `${colors.dim(`${" ".repeat(gutter.length)} |`)} ${indent}${COLOUR[severity]("^".repeat(width))}`,
  ]
}

function plural(count: number, word: string): string {
  return count === 0 ? "" : `${count} ${word}${count === 1 ? "" : "s"}`
}
