/** The pictures of the demo show what it prints now. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { demoOutput, PICTURES, pictureOf, structureOf } from "../../../dev/demo/pictures.ts"
import { ROOT } from "../bare-workerd.ts"

test("the demo prints what its pictures show; `npm run picture` makes them", { timeout: 120_000 }, async () => {
  const output = await demoOutput()
  expect(output).toContain("\u001b[32mallow")
  for (const [file, columns] of PICTURES) {
    expect(structureOf(await readFile(join(ROOT, file), "utf8")), file).toBe(structureOf(pictureOf(output, columns)))
  }
})
