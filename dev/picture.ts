/** `npm run picture`: the pictures of the front page, which show what `npm run demo` prints. */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { demoOutput, PICTURES, pictureOf, structureOf } from "./demo/pictures.ts"
import { PACKAGE } from "../cli/package.ts"

const output = await demoOutput()
for (const [file, columns] of PICTURES) {
  const path = join(PACKAGE, file)
  const stored = await readFile(path, "utf8").catch(() => "")
  const picture = pictureOf(output, columns)
  const isSame = structureOf(picture) === structureOf(stored)
  await mkdir(dirname(path), { recursive: true })
  if (!isSame) await writeFile(path, picture)
  console.log(`${file}: ${isSame ? "as it is" : `${picture.length} bytes, written`}`)
}
