/** A grant in words: nothing of it is lost on the way. */
import { describe, expect, test } from "vitest"
import { scopesByAction } from "../../src/console/approvals/grant-words.ts"

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
})
