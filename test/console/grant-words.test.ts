/** A grant in words: nothing of it is lost on the way. */
import { describe, expect, test } from "vitest"
import { boundText, scopesByAction } from "../../src/console/approvals/grant-words.ts"

describe("a grant in words", () => {
  test("is told by what can be done with it", () => {
    expect(scopesByAction("crm.*:read mail.send:write *:execute crm.tickets.get:read odd")).toEqual([
      { words: "It may read with", tools: ["crm.* (every tool of crm)", "crm.tickets.get"] },
      { words: "It may change things with", tools: ["mail.send"] },
      { words: "It may run", tools: ["* (every tool)"] },
      { words: "And besides", tools: ["odd"] },
    ])
    expect(scopesByAction("")).toEqual([])
  })

  test("tells each bound, also of a kind that it does not know", () => {
    expect(boundText("amount", { min: 1, max: 100 })).toBe("amount is at least 1 and is at most 100")
    expect(boundText("to", { like: "*@example.org", max_length: 40 })).toBe(
      'to looks like "*@example.org" and is no longer than 40',
    )
    expect(boundText("ticket", { in: ["1", "2"] })).toBe('ticket is one of ["1","2"]')
    expect(boundText("ticket", { between: [1, 2] })).toBe("ticket between [1,2]")
  })
})
