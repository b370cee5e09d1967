/** Runs cases, and repeats their policy queries on the official engine, if one is given. */
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { Case } from "./cases.ts"
import { differences, gotOf, type Got } from "./expect.ts"
import { disagreement, type Disagreement, type Oracle } from "./cedar-oracle.ts"
import type { RecordedQueries } from "./recording-engine.ts"
import { runOn } from "./run.ts"
import type { Result } from "./scene.ts"

export interface SuiteResult {
  readonly of: Case
  readonly result: Result
  readonly got: Got
  /** What differs from the expectation. */
  readonly differs: readonly string[]
  readonly recorded: readonly RecordedQueries[]
  readonly disagreements: readonly Disagreement[]
}

export interface Suite {
  readonly outcomes: readonly SuiteResult[]
  /** Rules that determined some answer. */
  readonly determining: ReadonlySet<string>
  /** Queries that the official engine could not take. */
  readonly unput: number
}

export function passes({ differs, disagreements }: Pick<SuiteResult, "differs" | "disagreements">): boolean {
  return differs.length === 0 && disagreements.length === 0
}

export function runCases(bundle: Bundle, cases: readonly Case[], oracle: Oracle | null): Suite {
  const run = runOn(bundle)
  const determining = new Set<string>()
  let unput = 0
  const compare = ({ queries }: RecordedQueries): readonly Disagreement[] =>
    queries.flatMap((question) => {
      for (const rule of question.answer.determining) determining.add(rule)
      const compared = oracle && disagreement(oracle, question)
      if (compared === "unput") unput += 1
      return compared === "unput" ? [] : (compared ?? [])
    })
  // Cases that begin alike share the queries of their opening, which are compared once.
  const byRun = new Map<RecordedQueries, readonly Disagreement[]>()
  const compared = (recorded: RecordedQueries): readonly Disagreement[] => {
    let found = byRun.get(recorded)
    if (!found) byRun.set(recorded, (found = compare(recorded)))
    return found
  }
  const outcomes = cases.map((of): SuiteResult => {
    const { result, recorded } = run.ask(of.question)
    const got = gotOf(result)
    return {
      of,
      result,
      got,
      recorded,
      differs: differences(of.expected, got),
      disagreements: recorded.flatMap(compared),
    }
  })
  return { outcomes, determining, unput }
}
