/** What frameworks of security ask for, by their ids: each is shown by attacks over HTTP, or said to be outside. */
import { describe, expect, test } from "vitest"
import { OWASP_AGENTIC } from "./frameworks/owasp-agentic.ts"
import { show } from "./scenario.ts"

const FRAMEWORKS = [OWASP_AGENTIC]

for (const { title, entries } of FRAMEWORKS) {
  describe(title, () => {
    test.each(entries.filter(({ reach }) => reach !== "outside"))("$id $title", async ({ shownBy }) => {
      expect(shownBy).not.toEqual([])
      for (const scenario of shownBy) await show(scenario)
    })
  })
}
