/** A comparison for people: on a terminal, or as Markdown in a pull request. */
import { stateWords } from "../replay/state-words.ts"
import { colors } from "../terminal/colors.ts"
import { printableText } from "../terminal/escape.ts"
import type { Change } from "./changes.ts"
import type { Flip, Reviewed } from "./records.ts"
import type { ComparedTests, FlippedTest, LostTest } from "./tests.ts"

export interface Comparison {
  readonly base: string
  readonly candidate: string
  /** Null: there is no base. */
  readonly changes: readonly Change[] | null
  readonly tests: ComparedTests | null
  /** Null: no records were given. */
  readonly records: Reviewed | null
}

/** Longer lists are cut, and say so: a summary has to fit. */
const MOST = 40
const UNCHANGED = "nothing is added, removed or changed"
const SIGN = { added: "+", removed: "-", changed: "~" } as const

export function flipsIn({ tests, records }: Comparison): number {
  return (tests?.flips.length ?? 0) + (records?.flipped ?? 0)
}

export function asText(comparison: Comparison): string {
  const { base, candidate, changes, tests, records } = comparison
  const lines = [colors.bold(`${base} → ${candidate}`)]
  if (changes) lines.push(...(changes.length === 0 ? [UNCHANGED] : cut(changes.map(changeLine))))
  if (tests) lines.push("", testsLine(tests), ...cut(tests.flips.map(testLine)), ...cut(tests.lost.map(lostLine)))
  if (records) lines.push("", recordsLine(records), ...cut(records.flips.map(flipLine)), ...notes(records))
  return lines.join("\n")
}

const changeLine = ({ kind, name, how, note }: Change): string =>
  `  ${SIGN[how]} ${kind} ${printableText(name)}${note === undefined ? "" : ` (${note})`}`
const testLine = (test: FlippedTest): string =>
  `  ${arrow(test.from ?? "cannot be asked", test.to ?? "cannot be asked")}  ${printableText(titleOf(test))}`
const lostLine = ({ file, name, how }: LostTest): string => `  ${SIGN[how]} test ${printableText(`${file}: ${name}`)}`
const titleOf = ({ file, name, of }: FlippedTest): string =>
  `${file}: ${name}${of === "base" ? " (as the base asks)" : ""}`

function flipLine({ tool, agent, from, to, count, example }: Flip): string {
  const why = to.rules.length > 0 ? `  ${to.rules.join(", ")}` : ""
  return `  ${arrow(from, to.code)}  ${count} × ${printableText(tool)} by ${printableText(agent)}${why}  ${colors.dim(printableText(example))}`
}

function arrow(from: string, to: string): string {
  const paint = to === "ok" || to === "allow" ? colors.yellow : colors.red
  return paint(printableText(`${from} → ${to}`))
}

function testsLine({ asked, flips, lost }: ComparedTests): string {
  const removed = lost.filter(({ how }) => how === "removed").length
  const parts = [flips.length === 0 ? "none comes out otherwise" : `${flips.length} come out otherwise`]
  if (removed > 0) parts.push(`${removed} removed`)
  if (lost.length > removed) parts.push(`${lost.length - removed} changed`)
  return `${asked} tests: ${parts.join(", ")}`
}

function recordsLine({ records, inSequence, same, flipped, apart, untoldCount }: Reviewed): string {
  const parts = [`${flipped} would be decided otherwise`, `${same} the same`]
  if (untoldCount > 0) parts.push(`${untoldCount} depend on what their records lack`)
  if (apart > 0) parts.push(`${apart} were not decided by policies`)
  return `${records} recorded decisions: ${parts.join(", ")}. ${stateWords(records - apart, inSequence)}`.trimEnd()
}

function notes({ untold: notRecorded, untoldGuardrails: guardrailsNotRecorded }: Reviewed): readonly string[] {
  const lines = Object.entries(notRecorded).map(([what, count]) => `  ? ${count} × ${printableText(what)}`)
  return [
    ...cut(lines),
    ...(guardrailsNotRecorded.length > 0
      ? [`  ? their state is not recorded: ${guardrailsNotRecorded.map((id) => `guardrail ${id}`).join(", ")}`]
      : []),
  ]
}

function cut(lines: readonly string[]): readonly string[] {
  return lines.length <= MOST
    ? lines
    : [...lines.slice(0, MOST), `  … and ${lines.length - MOST} more (--json has all)`]
}

export function asMarkdown(comparison: Comparison): string {
  const { candidate, changes, tests, records } = comparison
  const flips = flipsIn(comparison)
  const parts = [
    `### Policies: ${flips === 0 ? "nothing is decided otherwise" : `${flips} ${flips === 1 ? "decision" : "decisions"} would flip`}`,
    `\`${inCode(candidate)}\` against \`${inCode(comparison.base)}\``,
  ]
  if (changes && changes.length > 0) {
    const rows = changes.map(({ kind, name, how, note }) => [
      how,
      kind,
      note === undefined ? code(name) : `${code(name)} (${note})`,
    ])
    parts.push(table(["", "what", "name"], rows))
  }
  if (tests) {
    const rows = tests.flips.map((test) => [code(titleOf(test)), code(test.from ?? "—"), code(test.to ?? "—")])
    const lost = tests.lost.map(({ file, name, how }) => [how, code(`${file}: ${name}`)])
    parts.push(`${testsLine(tests)}.`, ...(rows.length > 0 ? [table(["test", "before", "now"], rows)] : []))
    if (lost.length > 0) parts.push(table(["", "test"], lost))
  }
  if (records) {
    const rows = records.flips.map(({ tool, agent, from, to, count, example }) => [
      code(tool),
      code(agent),
      code(from),
      `${to.code === "ok" ? "**ok**" : code(to.code)}${to.rules.length > 0 ? ` ${code(to.rules.join(", "))}` : ""}`,
      String(count),
      code(example),
    ])
    parts.push(recordsLine(records))
    if (rows.length > 0) parts.push(table(["tool", "agent", "decided", "would be", "calls", "such as"], rows))
    parts.push(...notes(records).map((line) => `- ${code(line.replace(/^ *\? /u, ""))}`))
  }
  return `${parts.join("\n\n")}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const first = rows.slice(0, MOST)
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`
  const more = rows.length > MOST ? [`\n… and ${rows.length - MOST} more.`] : []
  return [line(head), line(head.map(() => "---")), ...first.map(line), ...more].join("\n")
}

/** Records contain what callers sent: none of it may become Markdown, or another table cell. */
const inCode = (text: string): string => printableText(text).replaceAll(/[`|\\]/gu, "·")
const code = (text: string): string => `\`${inCode(text)}\``
