/**
 * `lint-allow <name>: <reason>` in a comment silences what a lint reports of what follows: in YAML of the next line
 * that is more than a comment, in Cedar of the next rule (or of the rule that the comment stands in). A comment that
 * silences nothing is reported in turn: what it excused is gone, or it is misspelled.
 */
import { suggest } from "../../../src/core/encoding/nearest.ts"
import { positionAt, spanAt } from "../source/position.ts"
import type { Problem } from "../source/problem.ts"
import { splitRules } from "../rules/split-rules.ts"
import { LINT_NAMES } from "./table.ts"

const NAME = "lint-allow"

interface Allowance {
  readonly name: string
  readonly reason: string
  /** Lines whose reports it silences. */
  readonly from: number
  readonly to: number
  readonly problem: (message: string, fix: string) => Problem
}

/** @param ran whether all lints ran; a comment for a lint that did not run may still be needed */
export function silence(
  problems: readonly Problem[],
  texts: ReadonlyMap<string, string>,
  ran: (lint: string) => boolean,
): readonly Problem[] {
  const used = new Set<Allowance>()
  const allowances = new Map([...texts].map(([file, text]) => [file, allowancesIn(file, text)]))
  const remaining = problems.filter(({ file, line, lint, severity }) => {
    if (severity === "error" || lint === undefined) return true
    const fitting = (allowances.get(file) ?? []).filter(
      ({ name, reason, from, to }) => name === lint && reason !== "" && line >= from && line <= to,
    )
    for (const allowance of fitting) used.add(allowance)
    return fitting.length === 0
  })
  const wrong = [...allowances.values()].flat().flatMap((allowance) => faultOf(allowance, used, ran))
  return [...remaining, ...wrong]
}

function faultOf(
  allowance: Allowance,
  used: ReadonlySet<Allowance>,
  ran: (lint: string) => boolean,
): readonly Problem[] {
  const { name, reason, problem } = allowance
  if (!LINT_NAMES.includes(name)) {
    return [problem(`no lint is called \`${name}\``, suggest(name, LINT_NAMES, "See docs/guides/linting.md."))]
  }
  if (reason === "") {
    return [problem(`\`${NAME}\` has no reason`, `Write \`${NAME} ${name}: \` and why it is meant so.`)]
  }
  if (used.has(allowance) || !ran(name)) return []
  return [problem(`there is nothing of \`${name}\` to silence here`, "Remove the comment.")]
}

function allowancesIn(file: string, text: string): readonly Allowance[] {
  if (!text.includes(NAME)) return []
  return file.endsWith(".cedar") ? inCedar(file, text) : file.endsWith(".yaml") ? inYaml(file, text) : []
}

const COMMENT = /^lint-allow\b[ \t]*([^\s:]*)[ \t]*:?[ \t]*(.*)$/u

function allowance(file: string, text: string, offset: number, comment: string, lines: { from: number; to: number }) {
  const [whole = "", name = "", reason = ""] = COMMENT.exec(comment) ?? []
  const place = spanAt(text, offset, offset + whole.length)
  const problem: Allowance["problem"] = (message, fix) => ({
    file,
    ...place,
    severity: "warning",
    lint: "idle-allow",
    message,
    fix,
  })
  return { name, reason: reason.trim(), ...lines, problem }
}

function inYaml(file: string, text: string): readonly Allowance[] {
  const lines = text.split("\n")
  let offset = 0
  return lines.flatMap((line, index) => {
    const start = offset
    offset += line.length + 1
    const [, before = "", comment = ""] = /^(\s*#\s*)(lint-allow\b.*?)\r?$/u.exec(line) ?? []
    if (comment === "") return []
    const below = lines.findIndex((other, at) => at > index && !/^\s*(?:#|$)/u.test(other))
    const target = below < 0 ? index + 1 : below + 1
    return [allowance(file, text, start + before.length, comment, { from: target, to: target })]
  })
}

/** Comments, and strings, in which text that looks like a comment is none. */
const TOKEN = /\/\/[^\n\r]*|"(?:[^"\\]|\\.)*"/gs

function inCedar(file: string, text: string): readonly Allowance[] {
  const rules = splitRules(text)
  return Array.from(text.matchAll(TOKEN)).flatMap(({ 0: token, index }) => {
    const [, before = "", comment = ""] = /^(\/\/\s*)(lint-allow\b.*)$/u.exec(token) ?? []
    if (comment === "") return []
    const rule = rules.find(({ offset, text: written }) => index < offset + written.length)
    const [from, to] = rule
      ? [positionAt(text, rule.offset).line, positionAt(text, rule.offset + rule.text.length).line]
      : [0, 0]
    return [allowance(file, text, index + before.length, comment, { from, to })]
  })
}
