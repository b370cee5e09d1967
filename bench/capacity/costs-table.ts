/** What docs/reference/costs.md says of each kind of call: it is measured by `npm run bench:costs`, and stands nowhere else. */
import { readFileSync } from "node:fs"
import type { Kind } from "../costs/kinds.ts"
import { PAGE, saidOf, type Said } from "../costs/page.ts"

export type Pace = Kind["pace"]

export type CostsTable = (name: string, pace: Pace) => Said

/** The table throws for a kind that the page does not have. */
export function costsTable(): CostsTable {
  const page = readFileSync(PAGE, "utf8")
  return (name, pace) => {
    const costs = saidOf(page, { name, pace })
    const figures = costs && [
      costs.cpuMilliseconds,
      costs.objectSeconds,
      ...[costs.requests, costs.written].flatMap((shares) => Object.values(shares)),
    ]
    if (!costs || !figures?.every(Number.isFinite))
      throw new Error(`docs/reference/costs.md has no figures of "${name}", ${pace}`)
    return costs
  }
}
