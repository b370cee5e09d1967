/** Several questions in one (AuthZEN, "Access Evaluations API"): what they share, and where it is enough. */
import { isObject } from "../../core/encoding/json.ts"
import { undecided, type Decided } from "./answer.ts"
import { evaluation, faultOf, type Evaluation, type Evaluations, type Semantic } from "./question.ts"

/** After which decision nothing more is asked; the answer ends with it. */
const ENDS: Readonly<Record<Semantic, boolean | null>> = {
  execute_all: null,
  deny_on_first_deny: false,
  permit_on_first_permit: true,
}

/**
 * One after the other, in their order. One that is malformed is no fault of the others: it is decided with no.
 * @param decide is told which one it is, from 0
 */
export async function evaluateEach(
  { evaluations, options, ...shared }: Evaluations,
  decide: (question: Evaluation, index: number) => Decided | Promise<Decided>,
): Promise<readonly Decided[]> {
  const end = ENDS[options.evaluations_semantic]
  const decided: Decided[] = []
  for (const [index, own] of evaluations.entries()) {
    const question = evaluation.safeParse(isObject(own) ? { ...shared, ...own } : own)
    const one = question.success ? await decide(question.data, index) : undecided(faultOf(question.error))
    decided.push(one)
    if (one.decision === end) break
  }
  return decided
}
