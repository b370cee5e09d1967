/** What frameworks of security ask for, by their ids: each is shown by attacks over HTTP, or said to be outside. */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { FRAMEWORKS } from "./frameworks/index.ts"
import { DEMANDS } from "./guidance.ts"
import { Stage } from "./show.ts"

let stage: Stage
beforeAll(async () => {
  stage = await Stage.open()
})
afterAll(async () => stage[Symbol.asyncDispose]())

for (const { title, entries } of FRAMEWORKS) {
  describe(title, () => {
    test.each(entries.filter(({ reach }) => reach !== "outside"))("$id $title", async ({ shownBy, tests = [] }) => {
      expect([...shownBy, ...tests]).not.toEqual([])
      for (const scenario of shownBy) await stage.show(scenario)
    })
  })
}

describe("The guidance, line by line", () => {
  test.each(DEMANDS)("$title", async ({ shownBy, tests = [] }) => {
    expect([...shownBy, ...tests]).not.toEqual([])
    for (const scenario of shownBy) await stage.show(scenario)
  })
})
