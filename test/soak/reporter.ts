/** Prints what each soak has seen, in one table at the end: `npm run test:soak`. */
import type { Reporter, TestModule } from "vitest/node"

const COLUMNS = [
  "kind",
  "calls",
  "admitted",
  "wakes",
  "bundles",
  "steps",
  "over",
  "under",
  "early",
  "slack",
  "after a crash",
  "after a step",
]

const percent = (share: number): string => (share === 0 ? "-" : `${(share * 100).toFixed(1)} %`)

export default class SoakReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const results = modules.flatMap((module) =>
      Array.from(module.children.allTests(), (test) => test.meta().soak ?? []),
    )
    const rows = results
      .flat()
      .map((result) => [
        result.kind,
        ...[result.calls, result.admitted, result.wakes, result.changes, result.steps].map((count) =>
          count.toLocaleString("en"),
        ),
        String(result.disagreements.admitted),
        String(result.disagreements.denied),
        result.early.toLocaleString("en"),
        percent(result.slack),
        percent(result.crashSlack),
        result.late.toLocaleString("en"),
      ])
    const table = [COLUMNS, ...rows]
    const widths = COLUMNS.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
    const lines = table.map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    )
    const seeds = [...new Set(results.flat().map(({ seed }) => seed))]
    console.log(["", ...lines, "", `seed ${seeds.join(", ")}: SOAK_SEED sets another`].join("\n"))
    console.log("over: admitted, although the model forbids it. under: denied, and no documented error explains it.")
    console.log("early: denied by a documented error. slack: the largest such error, as a share of the span.")
    console.log("steps: of the clock. after a step: denied, which only a step in the last span explains.")
  }
}
