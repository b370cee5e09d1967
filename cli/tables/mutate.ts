/** Which broken rules some test notices. The official engine is not asked: it would be of the rules as they were written. */
import type { Bundle } from "../../src/policy/assemble.ts"
import type { BundleBody } from "../../src/policy/bundle.ts"
import { compileRules } from "../../src/policy/engine.ts"
import { differences, gotOf } from "./expect.ts"
import { mutantsOf, type Mutant } from "./mutants.ts"
import { runOn } from "./run.ts"
import type { Outcome } from "./suite.ts"

export interface Mutation {
  readonly mutants: number
  /** Those that every test takes for the rule as it is. */
  readonly survivors: readonly Mutant[]
}

/** @param outcomes of the tests on the bundle as it is, all of them as expected */
export function mutate(body: BundleBody, bundle: Bundle, outcomes: readonly Outcome[]): Mutation {
  const mutants = mutantsOf(body, bundle)
  return { mutants: mutants.length, survivors: mutants.filter((mutant) => !isNoticed(mutant, body, bundle, outcomes)) }
}

function isNoticed(
  { rule, lowered }: Mutant,
  { rules }: BundleBody,
  bundle: Bundle,
  outcomes: readonly Outcome[],
): boolean {
  const broken = rules.flatMap((one) => (one.id === rule ? (lowered ?? []) : one))
  const run = runOn({ ...bundle, engine: compileRules(broken) })
  return likelyFirst(outcomes, rule).some(({ of }) => differences(of.expected, gotOf(run.ask(of.question))).length > 0)
}

/** Those in which the rule had a part notice most of what becomes of it. */
function likelyFirst(outcomes: readonly Outcome[], rule: string): readonly Outcome[] {
  const rank = ({ determining }: Outcome): number => (determining.has(rule) ? 0 : 1)
  return outcomes.toSorted((a, b) => rank(a) - rank(b))
}
