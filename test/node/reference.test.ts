/** Pages of the reference that are generated say what the tables in `src` say. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { PAGES } from "../../dev/reference/pages.ts"
import { ROOT } from "./bare-workerd.ts"

const MAX_CELL = 200

describe.each([...PAGES])("%s", (file, page) => {
  test("is what `npm run reference` writes", async () => {
    expect(await readFile(join(ROOT, file), "utf8")).toBe(page())
  })

  test("has no cell that is too long to be read in a table", () => {
    const cells = page()
      .split("\n")
      .filter((line) => line.startsWith("|"))
      .flatMap((line) => line.split(" | "))
    expect(cells.map((cell) => cell.trim()).filter((cell) => cell.length > MAX_CELL)).toEqual([])
  })
})
