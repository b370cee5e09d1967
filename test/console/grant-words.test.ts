/** A grant in words: nothing of it is lost on the way. */
import { describe, expect, test } from "vitest"
import { boundText, scopesByAction } from "../../src/console/approvals/grant-words.ts"

describe("a grant in words", () => {
  test("is told by what can be done with it", () => {
    expect(scopesByAction("crm.*:read mail.send:write *:execute crm.tickets.get:read odd")).toEqual([
      { words: "Read", tools: ["crm.* (all tools of crm)", "crm.tickets.get"] },
      { words: "Change", tools: ["mail.send"] },
      { words: "Run", tools: ["* (all tools)"] },
      { words: "Other scopes", tools: ["odd"] },
    ])
    expect(scopesByAction("")).toEqual([])
  })

  test("tells each bound, also of a kind that it does not know", () => {
    expect(boundText("amount", { min: 1, max: 100 })).toBe("amount must be at least 1 and must be at most 100")
    expect(boundText("to", { like: "*@example.org", max_length: 40 })).toBe(
      'to must match "*@example.org" and must have at most 40 characters',
    )
    expect(boundText("ticket", { in: ["1", "2"] })).toBe('ticket must be one of ["1","2"]')
    expect(boundText("ticket", { between: [1, 2] })).toBe("ticket between [1,2]")
  })
})
