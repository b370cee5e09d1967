/** Problems as compilers tell them: place, message, the line with a caret, the mend. */
import { join } from "node:path"
import { colors } from "./colors.ts"
import type { Compiled } from "./policies/compile.ts"
import type { Problem } from "./policies/problem.ts"

export type Reported = Pick<Compiled, "problems" | "texts">

/** A longer line is shown round the caret only. */
const EXCERPT_WIDTH = 140

export function reportProblems(directory: string, { problems, texts }: Reported): string {
  return problems.map((problem) => describe(directory, problem, texts.get(problem.file))).join("\n")
}

/** `2 errors, 1 warning`. */
export function countProblems(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === "error").length
  return [plural(errors, "error"), plural(problems.length - errors, "warning")].filter((part) => part !== "").join(", ")
}

function describe(directory: string, problem: Problem, text: string | undefined): string {
  const { file, line, column, severity, message, mend } = problem
  const kind = severity === "error" ? colors.red("error") : colors.yellow("warning")
  const place = colors.bold(`${join(directory, file)}:${line}:${column}`)
  const excerpt = excerptOf(text?.split(/\r?\n/u)[line - 1], line, column)
  return [`${place} ${kind}: ${message}`, ...excerpt, `  ${colors.cyan("mend:")} ${mend}`, ""].join("\n")
}

function excerptOf(source: string | undefined, line: number, column: number): string[] {
  if (source === undefined || source.trim() === "") return []
  const from = column > EXCERPT_WIDTH - 20 ? column - EXCERPT_WIDTH / 2 : 0
  const shown = source.slice(from, from + EXCERPT_WIDTH)
  const gutter = String(line).padStart(5)
  // Tabs stay tabs, so that the caret stands below its column whatever the terminal makes of them.
  const indent = shown.slice(0, column - 1 - from).replace(/[^\t]/gu, " ")
  return [
    `${colors.dim(`${gutter} |`)} ${shown}`,
    `${colors.dim(`${" ".repeat(gutter.length)} |`)} ${indent}${colors.red("^")}`,
  ]
}

function plural(count: number, word: string): string {
  return count === 0 ? "" : `${count} ${word}${count === 1 ? "" : "s"}`
}
