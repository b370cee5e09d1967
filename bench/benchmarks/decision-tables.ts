/**
 * What a security engineer waits for: `narrowgate test` on a large directory, from its files to the last answer, on both
 * engines. It has no second side; ten seconds are what somebody waits without turning to something else.
 */
import { compilePolicies } from "../../cli/compiler/compile.ts"
import { oracleOf } from "../../cli/decision-tables/cedar-oracle.ts"
import { withTables } from "../../cli/decision-tables/read.ts"
import { passes, runCases } from "../../cli/decision-tables/suite.ts"
import { guard, type Benchmark } from "../benchmark.ts"
import { writeManyCases } from "../many-cases.ts"

const SIZE = { rules: 1_000, tools: 5_000, cases: 1_000 }
const PATIENCE_MS = 10_000
/** Each takes seconds. */
const ROUNDS = 3

export const decisionTables: Benchmark = {
  name: "decision-tables",
  question: "10 s against 1,000 tests of 1,000 rules and 5,000 tools, on both engines",
  unit: "ratio",
  target: 1,
  run: async (lab) => {
    const directory = lab.place("policies")
    await writeManyCases(directory, SIZE)
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now()
      await testAll(directory)
      times.push(performance.now() - start)
    }
    const [least = 0, median = 0, most = 0] = times.toSorted((a, b) => a - b)
    const rate = { median: 1000 / median, least: 1000 / most, most: 1000 / least }
    return { value: PATIENCE_MS / median, sides: [{ name: "narrowgate test", rate, p50: median }] }
  },
}

async function testAll(directory: string): Promise<void> {
  const { body, bundle, written, problems, cases } = withTables(await compilePolicies(directory))
  guard(body !== null && bundle !== null, "the directory checks")
  guard(!problems.some(({ severity }) => severity === "error"), "its tables can be read")
  const { outcomes, unput } = runCases(bundle, cases, oracleOf(written, body.rules, body.entities))
  guard(outcomes.length === SIZE.cases && outcomes.every(passes), "every test passes")
  guard(unput === 0, "the official engine was asked everything")
}
