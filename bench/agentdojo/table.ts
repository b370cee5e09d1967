/** The table of docs/security/agent-benchmark.md, and its rows back from the page. */
import { join } from "node:path"
import { table } from "../../dev/reference/table.ts"
import type { Counts, Row } from "./benchmark.ts"

export const PAGE = join(import.meta.dirname, "../../docs/security/agent-benchmark.md")

const HEAD = ["policy", "suite", "approvals", "user tasks that pass", "attacks that succeed", "pass while attacked"]
const GENERATED = /(?<=<!-- written by `npm run bench:agentdojo -- --write` -->\n)[^]*(?=<!-- end -->)/u

export function tableOf(rows: readonly Row[]): string {
  return table(HEAD, withTotals(rows).map(cellsOf))
}

export function cellsOf({ policy, suite, hasApprover, without, with: decided }: Row): string[] {
  return [
    `\`${policy}\``,
    suite,
    hasApprover === null ? "" : hasApprover ? `${decided.approvals} given` : "no approver",
    `${without.passed} → ${decided.passed} of ${without.tasks}`,
    `${without.attacks} → ${decided.attacks} of ${without.pairs}`,
    `${without.passedWhileAttacked} → ${decided.passedWhileAttacked} of ${without.pairs}`,
  ]
}

/** Policies for several suites have their sums too. */
function withTotals(rows: readonly Row[]): Row[] {
  const groups = Map.groupBy(rows, ({ policy, hasApprover }) => `${policy} ${hasApprover}`)
  return [...groups.values()].flatMap((group) => (group.length > 1 ? group.concat(totalOf(group)) : group))
}

function totalOf(rows: readonly Row[]): Row[] {
  const total = { without: sumOf(rows.map((row) => row.without)), with: sumOf(rows.map((row) => row.with)) }
  return rows.slice(0, 1).map((row) => Object.assign({}, row, total, { suite: "together" }))
}

function sumOf(counts: readonly Counts[]): Counts {
  return counts.reduce((sum, each) => ({
    tasks: sum.tasks + each.tasks,
    passed: sum.passed + each.passed,
    pairs: sum.pairs + each.pairs,
    attacks: sum.attacks + each.attacks,
    passedWhileAttacked: sum.passedWhileAttacked + each.passedWhileAttacked,
    words: sum.words + each.words,
    approvals: sum.approvals + each.approvals,
  }))
}

export function withTable(page: string, rows: readonly Row[]): string {
  if (!GENERATED.test(page)) throw new Error(`${PAGE} has no place for the table`)
  return page.replace(GENERATED, `\n${tableOf(rows)}\n\n`)
}

/** The cells of each row of the page. */
export function rowsOf(page: string): string[][] {
  const [text = ""] = GENERATED.exec(page) ?? []
  const lines = text.split("\n").filter((line) => line.startsWith("|"))
  return lines.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}
