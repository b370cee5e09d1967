/** `docs/operate/availability.md` has every class of objects that the Worker has, and no other. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { readManifest } from "../../dev/manifest.ts"
import { ROOT } from "./bare-workerd.ts"

test("each class of objects has a row that says what happens while one does not answer", async () => {
  const page = await readFile(join(ROOT, "docs/operate/availability.md"), "utf8")
  const rows = Array.from(page.matchAll(/^\| ((?:`\w+`(?:, )?)+)/gm), ([, names = ""]) => names.match(/\w+/g) ?? [])
  const { durableObjects } = await readManifest()
  expect([...new Set(rows.flat())].toSorted()).toEqual(durableObjects.map(({ className }) => className).toSorted())
})
