/**
 * The official Cedar engine as the compiler uses it. Its answers depend on what it is given alone, and take most of the
 * time of a compilation. An edit of a policy directory leaves most of what the engine is given as it was, and checks
 * give it the same schema several times. So answers are kept for the next compilation.
 */
// oxlint-disable-next-line import/no-unassigned-import -- before the engine is loaded
import "./engine-flags.ts"
import * as engine from "@cedar-policy/cedar-wasm/nodejs"

/** More than one directory of a thousand rules and entities needs; the oldest go first. */
const MAX_ANSWERS = 4_096

/** Callers read answers, and change none. */
function remembered<Given extends readonly unknown[], Answer>(
  answer: (...given: Given) => Answer,
): (...given: Given) => Answer {
  const answers = new Map<string, Answer>()
  return (...given) => {
    const key = JSON.stringify(given)
    const known = answers.get(key)
    if (known !== undefined) return known
    const fresh = answer(...given)
    const [oldest] = answers.keys()
    if (answers.size >= MAX_ANSWERS && oldest !== undefined) answers.delete(oldest)
    answers.set(key, fresh)
    return fresh
  }
}

export const checkParseEntities = remembered(engine.checkParseEntities)
export const checkParseSchema = remembered(engine.checkParseSchema)
export const isAuthorized = remembered(engine.isAuthorized)
export const policySetTextToParts = remembered(engine.policySetTextToParts)
export const policyToJson = remembered(engine.policyToJson)
export const schemaToJson = remembered(engine.schemaToJson)
export const templateToJson = remembered(engine.templateToJson)
export const validate = remembered(engine.validate)

/** For as many questions as there are cases, no two of which are the same. */
export { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs"
