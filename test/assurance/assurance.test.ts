/**
 * What security frameworks require, by their ids, shown by attacks over HTTP. Entries that only other tests show, and those
 * that are outside, do not run here; `test/node/frameworks.test.ts` asserts that there are no others.
 */
import { afterAll, beforeAll, describe, test } from "vitest"
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
    test.each(entries.filter(({ shownBy }) => shownBy.length > 0))("$id $title", async ({ shownBy }) => {
      for (const scenario of shownBy) await stage.show(scenario)
    })
  })
}

describe("The guidance, line by line", () => {
  test.each(DEMANDS.filter(({ shownBy }) => shownBy.length > 0))("$title", async ({ shownBy }) => {
    for (const scenario of shownBy) await stage.show(scenario)
  })
})
