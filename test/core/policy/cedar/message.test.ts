import { expect, test } from "vitest"
import { compileRules } from "../../../../src/core/policy/cedar/engine.ts"
import { messageOf } from "../../../../src/core/policy/cedar/message.ts"

const ALL = { op: "All" }
const rule = (id: string, message?: string) => ({
  id,
  policy: { effect: "forbid", principal: ALL, action: ALL, resource: ALL, conditions: [] },
  reads: [],
  ...(message !== undefined && { message }),
})

test("the messages of the rules that deny, each once, in their order", () => {
  const engine = compileRules([rule("a", "One."), rule("b"), rule("c", "Two."), rule("d", "One.")])
  expect(messageOf(engine, ["a", "b", "c", "d"])).toBe("One. Two.")
  expect(messageOf(engine, ["b"])).toBeUndefined()
  expect(messageOf(engine, [])).toBeUndefined()
})

test("as many whole messages as fit 1,000 characters", () => {
  const long = (letter: string) => letter.repeat(300)
  const rules = ["a", "b", "c", "d"].map((letter) => rule(letter, long(letter)))
  const engine = compileRules([...rules, rule("e", "Short.")])
  expect(messageOf(engine, ["a", "b", "c", "d", "e"])).toBe(`${long("a")} ${long("b")} ${long("c")} Short.`)
})
