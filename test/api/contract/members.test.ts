import { expect, test } from "vitest"
import { members } from "../../../src/api/contract/members.ts"

test("every member is there, also one that would be a prototype, and nothing else is an object", () => {
  const text = '{"a":1,"__proto__":{"amount":1000},"constructor":"x"}'
  expect(JSON.stringify(members.parse(JSON.parse(text)))).toBe(text)
  for (const other of [null, [], "a", 1, undefined]) expect(members.safeParse(other).success).toBe(false)
})
