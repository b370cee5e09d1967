/** Several evaluations in one request (AuthZEN, "Access Evaluations API"): what they share, and when to stop. */
import { isObject } from "../../core/encoding/json.ts"
import { malformedEvaluation, type EvaluationAnswer } from "./answer.ts"
import { evaluation, faultOf, type Evaluation, type Evaluations, type Semantic } from "./question.ts"

/** The decision after which nothing more is evaluated; the answer ends with it. Null if there is none. */
const ENDS: Readonly<Record<Semantic, boolean | null>> = {
  execute_all: null,
  deny_on_first_deny: false,
  permit_on_first_permit: true,
}

/**
 * Evaluates one after the other, in their order. A malformed evaluation does not affect the others: its own decision is
 * false.
 * @param decide receives the position of the evaluation, from 0
 */
export async function evaluateEach(
  { evaluations, options, ...shared }: Evaluations,
  decide: (question: Evaluation, index: number) => EvaluationAnswer | Promise<EvaluationAnswer>,
): Promise<readonly EvaluationAnswer[]> {
  const end = ENDS[options.evaluations_semantic]
  const decided: EvaluationAnswer[] = []
  for (const [index, own] of evaluations.entries()) {
    const question = evaluation.safeParse(isObject(own) ? { ...shared, ...own } : own)
    const one = question.success ? await decide(question.data, index) : malformedEvaluation(faultOf(question.error))
    decided.push(one)
    if (one.decision === end) break
  }
  return decided
}
