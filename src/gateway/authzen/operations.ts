/** The three operations, each from the JSON of its request to its answer. */
import { isObject } from "../../core/encoding/json.ts"
import type { Access } from "./access.ts"
import { failed, malformed, recorded, type EvaluationAnswer } from "./answer.ts"
import { evaluateEach } from "./evaluations.ts"
import { spanOf, tokenOf } from "./page.ts"
import { evaluation, evaluations, faultOf, SEARCHES, type SearchedEntity } from "./question.ts"

export type Operation = (json: unknown, access: Access) => Promise<Response>

export const evaluate: Operation = async (json, access) => {
  const question = evaluation.safeParse(json)
  if (!question.success) return malformed(faultOf(question.error))
  return Response.json(withRecord(await access.decide(question.data, null), access))
}

export const evaluateAll: Operation = async (json, access) => {
  // Without evaluations it is a single evaluation, for clients that send all requests to this endpoint (AuthZEN).
  if (!isObject(json) || json.evaluations === undefined || isEmpty(json.evaluations)) return evaluate(json, access)
  const questions = evaluations.safeParse(json)
  if (!questions.success) return malformed(faultOf(questions.error))
  if (questions.data.evaluations.length > access.evaluations) {
    return malformed(`At most ${access.evaluations} evaluations can be requested at once.`)
  }
  const decided: readonly EvaluationAnswer[] = await evaluateEach(questions.data, access.decide)
  return Response.json({ evaluations: decided.map((each) => withRecord(each, access)) })
}

function withRecord(decided: EvaluationAnswer, { recordMalformed: recordRefused }: Access): EvaluationAnswer {
  return decided.context ? { ...decided, context: recorded(decided.context, recordRefused) } : decided
}

const isEmpty = (list: unknown): boolean => Array.isArray(list) && list.length === 0

export function searchFor(sought: SearchedEntity): Operation {
  return async (json, { search, keyHash, recordMalformed: recordRefused }) => {
    if (!search) return failed(403, "access_denied", "A gateway cannot search.")
    const question = SEARCHES[sought].safeParse(json)
    if (!question.success) return malformed(faultOf(question.error))
    const { page, ...rest } = question.data
    const bound = { question: [sought, rest], keyHash }
    const span = spanOf(page, bound)
    if (!span) return malformed("`page.token`: it belongs to another search, or to another `limit`.")
    const { rest: next, results, context: searchContext } = search(sought, question.data, span)
    const context = searchContext && recorded(searchContext, recordRefused)
    const pageInfo = { next_token: next ? tokenOf(next, bound) : "", count: results.length }
    return Response.json({ page: pageInfo, ...(context && { context }), results })
  }
}
