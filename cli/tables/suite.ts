/** Runs cases, with the official engine beside the Worker's where one is given, and keeps what rules had a part in it. */
import type { Bundle } from "../../src/policy/assemble.ts"
import type { Case } from "./cases.ts"
import { differences, gotOf, type Got } from "./expect.ts"
import { disagreement, type Disagreement, type Oracle } from "./oracle.ts"
import { overheard } from "./overhear.ts"
import { runOn, type Result } from "./run.ts"

export interface Outcome {
  readonly of: Case
  readonly result: Result
  readonly got: Got
  /** What differs from the expectation. */
  readonly differs: readonly string[]
  readonly disagreements: readonly Disagreement[]
  /** Rules that determined an answer to a question of it. What an earlier case has asked already is not asked again. */
  readonly determining: ReadonlySet<string>
}

export interface Suite {
  readonly outcomes: readonly Outcome[]
  /** Rules that determined some answer. */
  readonly determining: ReadonlySet<string>
  /** Questions that policy was asked, and those that could not be put to the official engine. */
  readonly asked: number
  readonly unput: number
}

export function passes({ differs, disagreements }: Pick<Outcome, "differs" | "disagreements">): boolean {
  return differs.length === 0 && disagreements.length === 0
}

export function runCases(bundle: Bundle, cases: readonly Case[], oracle: Oracle | null): Suite {
  let determining = new Set<string>()
  let disagreements: Disagreement[] = []
  let asked = 0
  let unput = 0
  const engine = overheard(bundle.engine, (question) => {
    asked += 1
    for (const rule of question.answer.determining) determining.add(rule)
    const compared = oracle && disagreement(oracle, question)
    if (compared === "unput") unput += 1
    else if (compared) disagreements.push(compared)
  })
  const run = runOn({ ...bundle, engine })
  const outcomes = cases.map((of): Outcome => {
    determining = new Set()
    disagreements = []
    const result = run.ask(of.question)
    const got = gotOf(result)
    return { of, result, got, differs: differences(of.expected, got), disagreements, determining }
  })
  const all = new Set(outcomes.flatMap((outcome) => [...outcome.determining]))
  return { outcomes, determining: all, asked, unput }
}
