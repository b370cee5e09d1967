import { describe, expect, test } from "vitest"
import { corpus } from "./corpus.ts"
import { READERS } from "./readers.ts"
import recorded from "./recorded.json" with { type: "json" }

const queries = corpus()

describe("what readers of queries were recorded to read", () => {
  test("is there for every query of the corpus", () => {
    expect(recorded.map(({ query }) => query)).toEqual(queries)
  })

  test.for(Object.entries(READERS))(
    "is what %s reads, where it is installed",
    { timeout: 60_000 },
    ([name, reader], { skip }) => {
      const readings = reader(queries) ?? skip("it is not installed: its record stands for it")
      const known = recorded.map(
        ({ read }) => Object.entries(read).find(([names]) => names.split(" | ").includes(name))?.[1],
      )
      expect(readings).toEqual(known)
    },
  )
})
