/** `npm run reference`: writes the pages of docs/reference/ that are made from the code. */
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { policyFilesPage } from "../cli/schemas/policy-files-page.ts"

/** By path from the root of the repository. */
const PAGES: Readonly<Record<string, () => string>> = {
  "docs/reference/policy-files.md": policyFilesPage,
}

const root = join(import.meta.dirname, "..")
for (const [path, page] of Object.entries(PAGES)) {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), page())
}
