/** What others wrote does not steer the terminal of whoever reads of it. */
import { expect, it } from "vitest"
import { reportProblems } from "../../../cli/compiler/report.ts"

const PROBLEM = { file: "a.yaml", line: 1, column: 4, severity: "error", message: "wrong", fix: "Fix it." } as const

it("spells out what would steer a terminal, and keeps the caret below what is meant", () => {
  const file = "a\u{1b}[2J.yaml"
  const problem = { ...PROBLEM, file, message: "no \u{9b}31m", fix: "Not \u{202e}.", end: { line: 1, column: 5 } }
  const report = reportProblems("here", { problems: [problem], texts: new Map([[file, "\u{1b}\t\u{9b}x\u{202e}"]]) })
  expect(report.split("\n")).toEqual([
    "here/a\\u{1b}[2J.yaml:1:4 error: no \\u{9b}31m",
    "    1 | \\u{1b}\t\\u{9b}x\\u{202e}",
    "      |       \t      ^",
    "  fix: Not \\u{202e}.",
    "",
  ])
})

it("shows no line that holds a private key", () => {
  const problems = [{ ...PROBLEM, message: "a private key" }, PROBLEM, { ...PROBLEM, line: 2 }]
  const texts = new Map([["a.yaml", "- { kty: EC, d: SECRET }\n- { kty: EC }"]])
  const report = reportProblems("here", { problems, texts })
  expect(report).not.toContain("SECRET")
  expect(report).toContain("    2 | - { kty: EC }")
})
