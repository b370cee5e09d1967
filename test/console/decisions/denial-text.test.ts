import { describe, expect, test } from "vitest"
import { DENIALS } from "../../../src/core/denials/denial.ts"
import { denialText } from "../../../src/console/decisions/denial-text.ts"

describe("why something was refused", () => {
  test("is said in a sentence, with what shows it", () => {
    expect(denialText({ reason: "policy_forbids", principal: 'User::"a|b"', rules: ["one", "two"] })).toBe(
      "Rule one, two denies this for b",
    )
    expect(denialText({ reason: "budget_spent", budget: "b", limit: 5, used: null, asked: 2 })).toBe(
      "Budget b exhausted: ? of 5 used, 2 requested",
    )
  })

  test("of every reason there is says something else than its name", () => {
    for (const reason of Object.keys(DENIALS)) {
      const said = denialText({ reason })
      expect(said, reason).not.toContain("undefined")
      expect(said, reason).not.toBe(reason.replaceAll("_", " "))
    }
  })

  test("of one that nobody knows is its name, with all that shows it", () => {
    expect(denialText({ reason: "session_not_fresher" })).toBe("session not fresher")
    expect(denialText({ reason: "new_reason", at: { a: 1 }, list: ["x"] })).toBe('new reason; at {"a":1}; list x')
  })

  test("shows what cannot be seen, no sentence of others, and no more than a line", () => {
    expect(denialText({ reason: "tool_unknown", called: "a\u202Eb" })).toBe("a\\u{202E}b is not in the catalog")
    expect(denialText({ reason: "tool_unknown", called: "{rules}", rules: ["secret"] })).toBe(
      "{rules} is not in the catalog",
    )
    expect(denialText({ reason: "tool_unknown", called: "x".repeat(5_000) }).length).toBeLessThan(220)
  })
})
