/** Prints what ran and what deviates, as the last thing. A folder of which nothing ran fails the run. */
import type { Reporter, TestModule } from "vitest/node"
import { tableOf } from "./table.ts"

export default class ConformanceReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const { text, lacking } = tableOf(modules, (process.env["CONFORMANCE_VECTORS"] ?? "") !== "")
    process.stdout.write(`\n${text}\n`)
    if (lacking) process.exitCode = 1
  }
}
