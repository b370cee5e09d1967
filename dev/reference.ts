/** `npm run reference`: writes the generated pages of `docs/`. A test fails if they are stale. */
import { mkdir, writeFile } from "node:fs/promises"
import { dirname } from "node:path"
import { PAGES } from "./reference/pages.ts"

for (const [file, page] of PAGES) {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, page())
}
