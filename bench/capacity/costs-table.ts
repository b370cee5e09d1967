/** What docs/reference/costs.md says of each kind of call: it is measured by `npm run bench:costs`, and stands nowhere else. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

const PAGE = join(import.meta.dirname, "../../docs/reference/costs.md")

export type Pace = "in a loop" | "alone"

export interface MeasuredKind {
  readonly cpuMilliseconds: number
  readonly objectSeconds: number
  readonly requests: Shares
  readonly written: Shares
}

interface Shares {
  readonly ledger: number
  readonly log: number
  readonly others: number
}

export type CostsTable = (kind: string, pace: Pace) => MeasuredKind

export const costsTable = (): CostsTable => readCosts(readFileSync(PAGE, "utf8"))

/** @returns throws for a kind that the page does not have */
export function readCosts(page: string): CostsTable {
  const [prices, shares] = [rowsOf(page, "## A million of each"), rowsOf(page, "## Whose they are")]
  return (kind, pace) => {
    const cell = (rows: readonly Cells[], column: string): number => {
      const row = rows.find((cells) => cells["kind"] === kind && cells["pace"] === pace)
      const value = Number(row?.[column] ?? Number.NaN)
      if (Number.isNaN(value)) throw new Error(`docs/reference/costs.md has no "${column}" of "${kind}", ${pace}`)
      return value
    }
    const sharesOf = (first: string): Shares => {
      const from = first === "requests: ledger" ? "" : " 2"
      return { ledger: cell(shares, first), log: cell(shares, `log${from}`), others: cell(shares, `others${from}`) }
    }
    return {
      cpuMilliseconds: cell(prices, "CPU"),
      objectSeconds: cell(prices, "object seconds"),
      requests: sharesOf("requests: ledger"),
      written: sharesOf("rows written: ledger"),
    }
  }
}

type Cells = Readonly<Record<string, string>>

/** The rows of the first table below a heading, by the names of its columns; the second of a name has " 2" after it. */
function rowsOf(page: string, heading: string): readonly Cells[] {
  const [, below = ""] = page.split(`${heading}\n`)
  const [table = ""] = below.trimStart().split("\n\n")
  const [head = [], , ...rows] = table.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  const names = head.map((name, at) => (head.indexOf(name) === at ? name : `${name} 2`))
  return rows.map((cells) => Object.fromEntries(cells.map((cell, at) => [names[at] ?? "", cell])))
}
