/**
 * The official Cedar engine as the compiler uses it. Its answers depend on what it is given alone, and take most of the
 * time of a compilation. An edit of a policy directory leaves most of what the engine is given as it was, and checks
 * give it the same schema several times. So answers are kept for the next compilation.
 */
import { setFlagsFromString } from "node:v8"

/**
 * V8 compiles a function of WebAssembly again, optimised, once it has run for some ten milliseconds. Of the official
 * engine those are many, and compiling them takes longer than most compilations last. So that begins later; a directory
 * of a thousand rules takes as long either way. V8's own measure, about the bytes that a function has executed.
 */
const TIERING_BUDGET = 500_000_000
const DEFAULT_TIERING_BUDGET = 13_000_000

// A module has the budget with which it is loaded: those of others in this process, such as a developer's tests, theirs.
setFlagsFromString(`--wasm-tiering-budget=${TIERING_BUDGET}`)
const engine = await import("@cedar-policy/cedar-wasm/nodejs")
setFlagsFromString(`--wasm-tiering-budget=${DEFAULT_TIERING_BUDGET}`)

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
export const { preparsePolicySet, statefulIsAuthorized } = engine
