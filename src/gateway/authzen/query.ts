/**
 * Evaluates policy alone, in the vocabulary of the client's own entities. No token, no task and no ledger are involved:
 * nothing is counted, and no answer from here allows a call.
 */
import type { Bundle } from "../../core/policy/assemble.ts"
import type { QueryClient } from "../../core/policy/definition/gateways.ts"
import { OutOfWork, type Work } from "../../core/encoding/work.ts"
import { malformedEvaluation, type EvaluationAnswer } from "./answer.ts"
import type { Evaluation } from "./question.ts"
import { isPermitted, readSituation } from "./situation.ts"
import { actionOf, refOf } from "./vocabulary.ts"

export function decideByPolicy(
  { subject, action, resource, context }: Evaluation,
  client: QueryClient,
  bundle: Bundle,
  work: Work,
): EvaluationAnswer {
  const [principal, object] = [refOf(client, subject), refOf(client, resource)]
  if (!principal || !object)
    return malformedEvaluation("Its subject or its resource has a type that no Cedar entity can have.")
  const parties = { principal, action: actionOf(client, action.name), resource: object }
  const situation = readSituation(
    { subject: subject.properties, action: action.properties, resource: resource.properties, context },
    { principal: principal.type, action: parties.action, resource: object.type },
    bundle,
  )
  if ("decision" in situation) return situation
  try {
    return { decision: isPermitted(bundle, parties, situation, work) }
  } catch (error) {
    if (!(error instanceof OutOfWork)) throw error
    return malformedEvaluation("It takes more work than one request may, with the evaluations before it.")
  }
}
